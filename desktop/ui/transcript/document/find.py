"""Finding words in a document, as people see it: what was added for its layout stands in nobody's way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument

from desktop.ui.breaks import BREAK
from desktop.ui.transcript.document.code_lines import continues
from desktop.ui.transcript.document.render import utf16


def occurrences(document: QTextDocument, word: str) -> Iterator[QTextCursor]:
    """Every place where `word` stands, upper and lower case alike, from the beginning; each as a selection."""
    between = f"{BREAK}?"
    wanted = re.compile(between.join(map(re.escape, word)), re.IGNORECASE)
    block = document.firstBlock()
    while block.isValid():
        begin = block.position()
        text, block = _whole_line(block)
        for found in wanted.finditer(text):
            cursor = QTextCursor(document)
            cursor.setPosition(begin + utf16(text[: found.start()]))
            cursor.setPosition(begin + utf16(text[: found.end()]), QTextCursor.MoveMode.KeepAnchor)
            yield cursor


def _whole_line(block: QTextBlock) -> tuple[str, QTextBlock]:
    """The text from `block` on, with what continues it, and the block after that.

    Between text blocks the cursor makes one step, as it does over a break.
    """
    pieces = [block.text()]
    block = block.next()
    while block.isValid() and continues(block):
        pieces.append(block.text())
        block = block.next()
    return BREAK.join(pieces), block
