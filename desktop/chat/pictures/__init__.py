"""Pictures on their way into a question, and out of the store."""
