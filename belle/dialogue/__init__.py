"""Strategies by which a model answers in a conversation: plainly, or in steps with tools, doubt and memory."""
