"""Data that ships with ChatBELLE: icon, themes, catalogue, translations. Found through `belle.paths.asset`."""
