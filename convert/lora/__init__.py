"""LoRA adapters in PEFT's format: merged into the weights as they are converted, or written as an adapter GGUF."""
