"""Projects, personas and what is to be remembered: dialogs, and words for what a conversation has from them."""
