"""How much room a window may take on the screen it is on."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

_FRAME = QSize(16, 48)
"""What the window manager puts around a window, at most: its title bar and edges."""


def room(window: QWidget) -> QSize:
    """The largest size of `window` without its frame that its screen shows whole."""
    return window.screen().availableGeometry().size() - _FRAME


def within(size: QSize, window: QWidget) -> QSize:
    """`size`, or as much of it as there is room for."""
    return size.boundedTo(room(window))
