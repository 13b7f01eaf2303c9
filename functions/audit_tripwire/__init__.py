"""Watches the audit log's stream for the one thing that must never happen to a row: a change."""
