"""Logout, and who is signed in."""
