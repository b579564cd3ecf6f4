"""From trained, LoRA or GPTQ checkpoints to GGUF, exactly and provably. Imports neither torch nor Qt."""
