"""Answers of models to the items of a set: asked once, kept, and never asked again for the same question."""
