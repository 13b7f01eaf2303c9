"""Second factors and step-up challenges."""
