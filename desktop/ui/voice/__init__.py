"""Voice in the window: dictation, reading aloud, and the choice of microphone and voice."""
