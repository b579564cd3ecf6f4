"""Perplexity and KL divergence of quantized models over a text."""
