"""The controller, between the window, the store and the engine."""
