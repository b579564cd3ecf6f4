"""What a strategy may use: tools that read, and change nothing."""
