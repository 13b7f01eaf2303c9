"""Delivers the effects of committed decisions."""
