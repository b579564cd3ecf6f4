"""One message: its widget, text, actions, editor and notes."""
