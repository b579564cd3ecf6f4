"""The command line: `belle` and its sub-commands, one file or folder each. No other package imports this one."""
