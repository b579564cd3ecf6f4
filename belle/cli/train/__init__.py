"""`belle train`."""
