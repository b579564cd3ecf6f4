"""`belle eval`."""
