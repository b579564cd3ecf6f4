"""Notices in words: `text` makes a banner's text of a notice, from the tables of the other modules, one by subject."""
