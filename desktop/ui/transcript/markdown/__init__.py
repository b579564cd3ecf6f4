"""From Markdown text to the blocks of a message, without Qt."""
