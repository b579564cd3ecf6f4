"""`belle models`."""
