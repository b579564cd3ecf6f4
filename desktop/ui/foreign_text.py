"""Names of models, files and conversations come from anywhere: they are shown as text, whatever they look like.

Qt takes a tooltip for HTML when it looks like it, and HTML reads files (`<img src=…>`); every tooltip of the window is
set here. Buttons and menus take `&` for a key, and are as wide as their text.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from desktop.ui.breaks import BREAK, cut_places

# Nothing of Qt is read before it is needed: each class is made with the first import of it.
if TYPE_CHECKING:
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QListWidgetItem, QWidget

_COLUMNS = 90
_LINES = 12
_CAPTION = 60
_UNBROKEN = r"\S{25,}"
_PIECE = 8
_WORD_JOINER = "\u2060"
"""Has no width and allows no line break."""


def set_tooltip(target: QWidget | QAction | QListWidgetItem, text: str) -> None:
    """Give a widget, or a line of a menu or list, its tooltip."""
    target.setToolTip(plain(text))


def show_tooltip(at: QPoint, text: str, widget: QWidget) -> None:
    """Show a tooltip now, at a place on the screen."""
    from PySide6.QtWidgets import QToolTip

    QToolTip.showText(at, plain(text), widget)


def caption(text: str) -> str:
    """A name on a button or in a menu: one line, not endless, with every `&` shown."""
    text = " ".join(text[: 4 * _CAPTION].split())
    text = text if len(text) <= _CAPTION else text[: _CAPTION - 1].rstrip() + "…"
    return text.replace("&", "&&")


def shortened(text: str) -> str:
    """A name within a sentence: not endless, with its beginning and its end, such as the kind of a file."""
    if len(text) <= _CAPTION:
        return text
    return f"{text[: _CAPTION // 2].rstrip()}…{text[1 - _CAPTION // 2 :].lstrip()}"


def breakable(text: str) -> str:
    """`text` for a label that wraps: a long word, path or address may end a line within, and asks for no more room than
    a short one. Not for text that can be copied: the breaks would be copied too."""
    return re.sub(_UNBROKEN, _with_breaks, text)


def _with_breaks(run: re.Match[str]) -> str:
    cuts = [0, *cut_places(run[0], _PIECE), len(run[0])]
    return BREAK.join(run[0][a:b] for a, b in pairwise(cuts))


def plain(text: str) -> str:
    """`text` as Qt shows it unread, in lines of bounded length and number; short plain text stays as it is."""
    lines: list[str] = []
    for line in text[: _COLUMNS * _LINES].split("\n"):
        width = _COLUMNS if line.isascii() else _COLUMNS // 2
        lines += _wrapped(line, width) if len(line) > width else [line]
    if len(lines) > _LINES or len(text) > _COLUMNS * _LINES:
        lines = [*lines[: _LINES - 1], "…"]
    shown = "\n".join(lines)
    if "<" not in shown:
        return shown
    from PySide6.QtGui import Qt

    # Behind the bracket nothing may stand but the name of a tag.
    return shown.replace("<", f"<{_WORD_JOINER}") if Qt.mightBeRichText(shown) else shown


def _wrapped(line: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(line, width)
