"""Shows the evidence calendar, and waives what will not be collected."""
