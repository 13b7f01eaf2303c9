"""Refresh token rotation."""
