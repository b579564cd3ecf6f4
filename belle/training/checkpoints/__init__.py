"""Checkpoints of a run: written whole or not at all, verified, and with all that an exact resume needs."""
