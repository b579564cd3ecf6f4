"""The loss of every token of a text, and the page that shows it (`belle measure --by-token`)."""
