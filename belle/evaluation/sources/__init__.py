"""Where logits come from: llama.cpp and transformers; and whether two models have the same vocabulary."""
