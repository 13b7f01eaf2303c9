"""Evidence bundles over HTTP: request one, watch it, fetch it."""
