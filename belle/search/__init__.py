"""Search by words: the terms of a text, and ranking by them."""
