"""Writes the GGUF file: encoded and written in parallel, with a journal for resuming, then verified."""
