"""Collects the evidence of the calendar by itself, and tells what was missed."""
