"""Routes that belong to no concern: health, the API description, and everything unknown."""
