"""Voice in the window: reading aloud, and the choice of a voice."""
