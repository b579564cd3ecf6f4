"""Answers in steps in the window: strategies of `belle.dialogue` with its tools."""
