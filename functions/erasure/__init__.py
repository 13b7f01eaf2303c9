"""Erases people, and tells it."""
