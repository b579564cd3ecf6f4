"""How large a window may be on its screen."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

_FRAME = QSize(16, 48)
"""Pixels that the window manager adds to a window, at most: title bar and borders."""


def available_size(window: QWidget) -> QSize:
    """The largest size of `window`, without its frame, that fits on its screen."""
    return window.screen().availableGeometry().size() - _FRAME


def fit_to_screen(size: QSize, window: QWidget) -> QSize:
    """`size`, reduced to what fits on the screen of `window`."""
    return size.boundedTo(available_size(window))
