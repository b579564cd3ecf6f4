"""Checkpoints of a run: written whole or not at all, found again, and what a run needs to go on exactly."""
