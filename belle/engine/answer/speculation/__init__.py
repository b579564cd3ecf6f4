"""Speculative decoding: several tokens evaluated at once where the next ones can be guessed, with the same text."""
