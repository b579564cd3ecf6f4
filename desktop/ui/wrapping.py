"""Keeps text fields fast when they contain a very long word (the reason is in `desktop.ui.breaks`).

The text of a field is the person's, so no breaks can be inserted. Instead lines may end at any character as long as
such a word is in the field; Qt then does not search for the end of the word.
"""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QPlainTextEdit

from desktop.ui.breaks import has_unbroken_run

_USUAL = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
_ANYWHERE = QTextOption.WrapMode.WrapAnywhere


class LongWords(QObject):
    """Switches the wrap mode of `field`, which owns it."""

    def __init__(self, field: QPlainTextEdit) -> None:
        super().__init__(field)
        self._field = field
        field.setWordWrapMode(_USUAL)
        # `contentsChange` (not `contentsChanged`) is emitted before the changed text is laid out.
        field.document().contentsChange.connect(self._on_change)

    def _on_change(self, position: int, removed: int, added: int) -> None:
        if self._field.wordWrapMode() == _USUAL:
            if added and self._has_long_word(position, position + added):
                self._field.setWordWrapMode(_ANYWHERE)
        elif removed and not self._has_long_word(0, self._field.document().characterCount()):
            self._field.setWordWrapMode(_USUAL)

    def _has_long_word(self, begin: int, end: int) -> bool:
        block = self._field.document().findBlock(begin)
        while block.isValid() and block.position() <= end:
            if has_unbroken_run(block.text()):
                return True
            block = block.next()
        return False
