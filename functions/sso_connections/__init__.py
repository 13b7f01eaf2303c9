"""The identity providers of a tenant: who may sign in by whom, and which mail domains are the tenant's own."""
