"""Documents in the chat: the folder of a conversation, kept up to date, and its passages in the question."""
