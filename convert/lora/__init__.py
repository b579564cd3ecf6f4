"""LoRA adapters in PEFT's format: merged into the weights while they are converted, or written as an adapter GGUF."""
