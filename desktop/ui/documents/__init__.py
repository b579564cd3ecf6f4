"""Documents in the window: the folder of a conversation, what is in it, and the passages of an answer."""
