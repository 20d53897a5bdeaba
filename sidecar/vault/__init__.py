"""Keeps what users granted: sealed, refreshed exactly once, and readable by nobody who has only the database."""
