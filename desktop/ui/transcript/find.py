"""Finding words in a document, as people see it: what was added for its layout stands in nobody's way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtGui import QTextCursor, QTextDocument

from desktop.ui.breaks import BREAK
from desktop.ui.transcript.render import utf16


def occurrences(document: QTextDocument, word: str) -> Iterator[QTextCursor]:
    """Every place where `word` stands, upper and lower case alike, from the beginning; each as a selection."""
    between = f"{BREAK}?"
    wanted = re.compile(between.join(map(re.escape, word)), re.IGNORECASE)
    block = document.firstBlock()
    while block.isValid():
        text = block.text()
        for found in wanted.finditer(text):
            cursor = QTextCursor(document)
            cursor.setPosition(block.position() + utf16(text[: found.start()]))
            cursor.setPosition(block.position() + utf16(text[: found.end()]), QTextCursor.MoveMode.KeepAnchor)
            yield cursor
        block = block.next()
