"""One message: its widget, text, actions, editor, reasoning and notes."""
