"""What a run shows while it goes on, and the report that is left of it."""
