"""Converts trained, LoRA and GPTQ checkpoints to GGUF, and proves that the result is the same model."""
