"""GPTQ and AWQ checkpoints to GGUF with their codes moved, not rounded a second time."""
