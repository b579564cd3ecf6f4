"""The loss of every token of a text, and a page that shows it."""
