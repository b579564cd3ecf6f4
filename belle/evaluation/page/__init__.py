"""The scoring page: one case in a browser, for a judge and for a person, whose decisions go to the anchor file."""
