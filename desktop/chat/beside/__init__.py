"""Conversations beside the one that the window shows."""
