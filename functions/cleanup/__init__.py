"""Revokes what has expired, with its reason, and keeps it."""
