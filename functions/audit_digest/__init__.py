"""Signs how far each log is sealed."""
