"""The security settings of a tenant: what is in force, and how that changes."""
