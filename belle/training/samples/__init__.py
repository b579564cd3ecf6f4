"""From rows of data to batches of token ids."""
