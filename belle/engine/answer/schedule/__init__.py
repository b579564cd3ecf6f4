"""Several answers in one context: what is evaluated together, and what of the KV cache is used again."""
