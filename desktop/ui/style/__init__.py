"""Colours, fonts, icons and the controls that the window is made of."""
