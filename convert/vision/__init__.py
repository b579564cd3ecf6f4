"""Models that see: the language model becomes a GGUF like any other, the vision encoder a second one (“mmproj”)."""
