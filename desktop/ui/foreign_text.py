"""Shows names of models, files and conversations, which may be anything, as plain text of a bounded size.

Qt renders a tooltip as HTML if it looks like HTML, and HTML can read files (`<img src=…>`), so every tooltip of the
window is set here. Buttons and menus read `&` as the mark of a mnemonic key, and are as wide as their text.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from desktop.ui.breaks import BREAK, cut_positions

# Qt's classes are imported where they are used: PySide6 builds a class at its first import.
if TYPE_CHECKING:
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QListWidgetItem, QSystemTrayIcon, QWidget

_LINE_WIDTH = 90  # characters
_MAX_LINES = 12
_MAX_NAME = 60  # characters
_LONG_WORD = r"\S{25,}"
_BREAK_INTERVAL = 8
_WORD_JOINER = "\u2060"
"""Has no width and allows no line break."""


def set_tooltip(target: QWidget | QAction | QListWidgetItem | QSystemTrayIcon, text: str) -> None:
    """Set the tooltip of a widget, an action, a list item or the icon in the tray."""
    target.setToolTip(plain(text))


def show_tooltip(at: QPoint, text: str, widget: QWidget) -> None:
    """Show a tooltip now, at a point of the screen."""
    from PySide6.QtWidgets import QToolTip

    QToolTip.showText(at, plain(text), widget)


def caption(text: str) -> str:
    """A name for a button or menu entry: on one line, shortened at its end, with every `&` escaped."""
    text = " ".join(text[: 4 * _MAX_NAME].split())
    text = text if len(text) <= _MAX_NAME else text[: _MAX_NAME - 1].rstrip() + "…"
    return text.replace("&", "&&")


def shortened(text: str) -> str:
    """A name for a sentence, shortened in the middle: the end of a file name tells its kind."""
    if len(text) <= _MAX_NAME:
        return text
    return f"{text[: _MAX_NAME // 2].rstrip()}…{text[1 - _MAX_NAME // 2 :].lstrip()}"


def breakable(text: str) -> str:
    """`text` for a label that wraps, with break opportunities inside long words, paths and addresses: without them the
    label would be as wide as the word. Not for text that can be copied: the breaks would be copied too."""
    return re.sub(_LONG_WORD, _with_breaks, text)


def _with_breaks(run: re.Match[str]) -> str:
    cuts = [0, *cut_positions(run[0], _BREAK_INTERVAL), len(run[0])]
    return BREAK.join(run[0][a:b] for a, b in pairwise(cuts))


def plain(text: str) -> str:
    """`text` such that Qt does not read it as HTML, in a bounded number of lines of bounded length."""
    lines: list[str] = []
    for line in text[: _LINE_WIDTH * _MAX_LINES].split("\n"):
        width = _LINE_WIDTH if line.isascii() else _LINE_WIDTH // 2
        lines += _wrapped(line, width) if len(line) > width else [line]
    if len(lines) > _MAX_LINES or len(text) > _LINE_WIDTH * _MAX_LINES:
        lines = [*lines[: _MAX_LINES - 1], "…"]
    shown = "\n".join(lines)
    if "<" not in shown:
        return shown
    from PySide6.QtGui import Qt

    # No tag: its name must follow the bracket immediately.
    return shown.replace("<", f"<{_WORD_JOINER}") if Qt.mightBeRichText(shown) else shown


def _wrapped(line: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(line, width)
