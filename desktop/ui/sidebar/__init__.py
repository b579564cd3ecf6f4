"""The left side of the window: conversations, search, settings, and the offline badge."""

from desktop.ui.sidebar.sidebar import Sidebar

__all__ = ["Sidebar"]
