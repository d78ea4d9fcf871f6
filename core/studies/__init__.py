"""The only owner of a study: its rows, its files, its jobs, and their end."""
