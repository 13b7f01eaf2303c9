"""Passwords: changed by whoever knows the old one, set anew by whoever reads the person's mail."""
