"""A checkpoint's tensors as rows in GGUF's order."""
