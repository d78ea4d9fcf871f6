"""Speed and memory of the main work, measured on the machine at hand."""
