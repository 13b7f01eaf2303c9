"""Scheduled work on the product's own rows."""
