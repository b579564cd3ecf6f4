"""Training data: read in every usual format, checked, cleaned, deduplicated, mixed, and written again.

Start with `rows` for what a row is, `read` for how files become rows, and `formats` for the formats themselves.
"""
