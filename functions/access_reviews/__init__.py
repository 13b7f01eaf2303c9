"""Who has access, and the reviews in which administrators say who keeps it."""
