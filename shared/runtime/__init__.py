"""What an execution environment keeps between requests: settings, keys, access tokens, the log."""
