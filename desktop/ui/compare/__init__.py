"""The window in which two models are compared."""
