"""What goes through files beside the chat, in threads: export, import, print."""
