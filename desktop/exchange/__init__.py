"""Conversations as files: export as Markdown, JSON and HTML; import of these and of other programs' exports.

Without Qt, engine and network. What is read was written by strangers: `files` opens it within limits, `programs` has
one reader for each program, `own_format` is our own.
"""
