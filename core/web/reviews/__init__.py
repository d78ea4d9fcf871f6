"""Editing and signing reports: an append-only record in the database, and the HTTP interface on it."""
