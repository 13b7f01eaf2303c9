"""Undoes changes of the address rules that nobody confirmed, and tells of refusals that were only counted."""
