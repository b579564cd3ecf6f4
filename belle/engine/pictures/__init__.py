"""Pictures of a conversation: read from files that may be hostile, and their place among the tokens of a prompt."""
