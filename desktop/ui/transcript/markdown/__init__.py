"""Markdown to blocks and content, without Qt."""
