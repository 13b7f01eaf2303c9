"""Lets callers of the adopter's own APIs in, or does not."""
