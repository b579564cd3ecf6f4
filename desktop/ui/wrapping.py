"""Fields that people write in stay quick when a word is as long as a book (see `desktop.ui.breaks`).

A field's text is what was typed, so nothing can be added to it. Instead lines end anywhere as long as such a word is
in the field, which costs Qt no search for the word's end.
"""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QPlainTextEdit

from desktop.ui.breaks import has_unbroken_run

_USUAL = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
_ANYWHERE = QTextOption.WrapMode.WrapAnywhere


class LongWords(QObject):
    """Looks after the way in which the lines of `field` end; belongs to it."""

    def __init__(self, field: QPlainTextEdit) -> None:
        super().__init__(field)
        self._field = field
        field.setWordWrapMode(_USUAL)
        # This is emitted before the changed text is laid out.
        field.document().contentsChange.connect(self._look)

    def _look(self, position: int, removed: int, added: int) -> None:
        if self._field.wordWrapMode() == _USUAL:
            if added and self._is_long(position, position + added):
                self._field.setWordWrapMode(_ANYWHERE)
        elif removed and not self._is_long(0, self._field.document().characterCount()):
            self._field.setWordWrapMode(_USUAL)

    def _is_long(self, begin: int, end: int) -> bool:
        block = self._field.document().findBlock(begin)
        while block.isValid() and block.position() <= end:
            if has_unbroken_run(block.text()):
                return True
            block = block.next()
        return False
