"""The address rules of a tenant: made, confirmed, taken away, and tried out before."""
