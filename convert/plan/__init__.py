"""Plans the GGUF file: the type of each tensor and its place in the file."""
