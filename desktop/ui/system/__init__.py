"""What the program shows outside of its window: notifications, the icon in the tray, the window for a quick question.

Nothing here is imported before it is needed.
"""
