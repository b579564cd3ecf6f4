"""The dialogs. Each is imported at its first use."""
