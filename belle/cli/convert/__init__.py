"""`belle convert`: from a checkpoint to a GGUF file, and what it reports of its proofs."""
