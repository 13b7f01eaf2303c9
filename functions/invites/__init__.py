"""Invites: people are asked to join a tenant, by mail, and join it."""
