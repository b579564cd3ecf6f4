"""Formulas in Markdown and the colours of code, for the window and for exported pages. Without Qt."""
