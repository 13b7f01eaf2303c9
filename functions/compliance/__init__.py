"""Evidence reports by control, page by page."""
