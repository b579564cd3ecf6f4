"""The left side of the window: conversations, search, settings, and the promise that it is all offline."""

from desktop.ui.sidebar.sidebar import Sidebar

__all__ = ["Sidebar"]
