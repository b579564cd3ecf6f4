"""Passages found by meaning: a vector for each, made by an embedding model, beside the index of words."""
