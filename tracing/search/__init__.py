"""Finding calls and traces: a filter, the statements that it makes, and pages that stay right while new calls arrive."""
