"""Reads documents, splits them into passages, and finds those for a question. It needs neither Qt nor a model."""
