"""The model library behind its window: which models there are, whether they will run here, getting and importing them.

No widgets, and nothing of it is imported before the library is opened.
"""
