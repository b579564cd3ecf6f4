"""Voice in the window, without widgets: what belle.speech does, as signals of Qt."""
