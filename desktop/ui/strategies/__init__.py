"""How answers come about: the menu, and the scratchpad."""
