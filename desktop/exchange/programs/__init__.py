"""One reader for each program whose conversations can be imported."""
