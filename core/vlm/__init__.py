"""The companion vision-language module."""
