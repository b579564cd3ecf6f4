"""`belle convert`: from a checkpoint to a GGUF file, with a report on its verification."""
