"""The terminal: `belle` and its sub-commands, one small file each. Nothing imports this room."""
