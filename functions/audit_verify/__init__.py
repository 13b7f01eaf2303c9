"""Verifies every log daily, from the vault alone and against the tables, and itself on planted corrupt copies."""
