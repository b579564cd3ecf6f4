"""What writes the text of the small chat model: one module per kind of text, all in Chinese and in English.

A maker is a function that takes a random generator and returns one `Sample`. Makers know nothing of files, sizes or of
what is held out; `make_text.py` does. The sentences come from the tables in `sources/` and from word lists beside the
grammar that bends them, so that every sample is grammatical, and true where it states a fact.
"""
