"""Marks words in the text of a message, and finds the place of one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QTextEdit

from desktop.ui.style.theme import text_theme
from desktop.ui.transcript.document.find import occurrences
from desktop.ui.transcript.document.render import utf16
from desktop.ui.transcript.document.spoken import find_sentence

_EVERY = ("warn", 0.3)
_CURRENT = ("violet", 0.4)
_SPOKEN = ("violet", 0.28)
"""Colour and opacity; `tests/desktop/ui/style/test_theme.py` computes that text can be read on them."""


class WordMarks:
    """The marked words of one text.

    Args:
        text: in which they are.
        reveal: scrolls the table or code around a cursor sideways, so that the cursor is visible.
    """

    def __init__(self, text: QTextEdit, reveal: Callable[[QTextCursor], object]) -> None:
        self._text, self._reveal = text, reveal

    def mark(self, searched: Sequence[str]) -> int | None:
        """Mark every occurrence of the words. Returns the y of the first, None when there is none."""
        found = [cursor for word in searched for cursor in occurrences(self._text.document(), word)]
        self._text.setExtraSelections([_selection(cursor, *_EVERY) for cursor in found])
        return self._show(min(found, key=QTextCursor.selectionStart)) if found else None

    def mark_occurrence(self, text: str, place: int) -> tuple[int, int | None]:
        """Mark a text, and one of its occurrences more than the others; a negative `place` counts from the end.

        Returns how many there are, and the y of that one; None when there is no such one, and then nothing is marked.
        """
        found = list(occurrences(self._text.document(), text))
        if not -len(found) <= place < len(found):
            self._text.setExtraSelections([])
            return len(found), None
        marks = [_selection(cursor, *_EVERY) for cursor in found]
        marks[place] = _selection(found[place], *_CURRENT)
        self._text.setExtraSelections(marks)
        return len(found), self._show(found[place])

    def mark_spoken(self, sentence: str, begin: int) -> tuple[int, int, int] | None:
        """Mark the sentence that is heard, the first one from the place `begin` on; "" removes all marks.

        Returns the place behind it, and the y where it begins and ends; None where it is not in the text.
        """
        text = self._text.toPlainText()
        place = find_sentence(text, sentence, begin)
        if place is None:
            self._text.setExtraSelections([])
            return None
        cursor = QTextCursor(self._text.document())
        cursor.setPosition(utf16(text[: place[0]]))
        top = self._text.cursorRect(cursor).top()
        cursor.setPosition(utf16(text[: place[1]]), QTextCursor.MoveMode.KeepAnchor)
        self._text.setExtraSelections([_selection(cursor, *_SPOKEN)])
        return place[1], top, self._text.cursorRect(cursor).bottom()

    def _show(self, found: QTextCursor) -> int:
        """Scroll a table or code so that a selection is visible. Returns its y."""
        cursor = QTextCursor(self._text.document())
        # The end, then the beginning: where both do not fit beside each other the beginning is visible.
        for end in (found.selectionEnd(), found.selectionStart()):
            cursor.setPosition(end)
            self._reveal(cursor)
        return self._text.cursorRect(cursor).top()


def _selection(cursor: QTextCursor, color_name: str, alpha: float) -> QTextEdit.ExtraSelection:
    color = text_theme().color(color_name)
    color.setAlphaF(alpha)
    selection = QTextEdit.ExtraSelection()
    selection.cursor = cursor
    selection.format.setBackground(color)
    return selection
