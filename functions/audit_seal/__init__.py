"""Seals new events into the object-locked vault."""
