"""Drawn pictures and questions about them that are answered with yes or no: how many, which colour, where, which text.

`canvas` draws and writes PNG files, `glyphs` has Chinese characters as strokes, `scenes` says what is drawn and asked.
`python -m assets.evaluation.makers.pictures` writes files.
"""
