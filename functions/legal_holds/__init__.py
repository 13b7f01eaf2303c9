"""Keeps people from being erased, and tells it."""
