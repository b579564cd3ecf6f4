"""The tokenizer of a run: loaded, extended, proved to be the same, and its prompt template."""
