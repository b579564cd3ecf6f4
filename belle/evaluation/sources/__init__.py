"""Where logits come from: llama.cpp, transformers, and whether two sources speak of the same tokens."""
