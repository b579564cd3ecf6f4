"""Windows over the window. None of them is imported before it is asked for."""
