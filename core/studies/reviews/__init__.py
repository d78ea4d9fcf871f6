"""Reviews of reports: the record of each, and what a reviewer can do."""
