"""`belle models`: installs, lists and removes models."""
