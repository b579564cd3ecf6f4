"""Pictures in the window: above the composer, under a question, and large."""
