"""Pictures in the store: each once, whatever has it."""
