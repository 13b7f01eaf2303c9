"""The web console: static files, served from the origin of the API."""
