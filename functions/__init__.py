"""The deployed functions: one folder a concern, handler and numbered flow."""
