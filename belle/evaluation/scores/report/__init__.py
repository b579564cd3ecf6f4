"""The report on scores: HTML, Markdown, CSV and JSON, made of the same tables."""
