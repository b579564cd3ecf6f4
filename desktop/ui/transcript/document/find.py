"""Searching a document for words, regardless of the line breaks and text blocks that its layout added."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument

from desktop.ui.breaks import BREAK
from desktop.ui.transcript.document.code_lines import continues
from desktop.ui.transcript.document.render import utf16


def occurrences(document: QTextDocument, word: str) -> Iterator[QTextCursor]:
    """Every occurrence of `word`, ignoring case, from the beginning; each as a selection."""
    # A break of the layout may stand between any two characters.
    pattern = re.compile(f"{BREAK}?".join(map(re.escape, word)), re.IGNORECASE)
    block = document.firstBlock()
    while block.isValid():
        begin = block.position()
        text, block = _whole_line(block)
        for match in pattern.finditer(text):
            cursor = QTextCursor(document)
            cursor.setPosition(begin + utf16(text[: match.start()]))
            cursor.setPosition(begin + utf16(text[: match.end()]), QTextCursor.MoveMode.KeepAnchor)
            yield cursor


def _whole_line(block: QTextBlock) -> tuple[str, QTextBlock]:
    """(the line of code that begins in `block`, the first text block after it); other text blocks are one line each."""
    # The boundary of two text blocks is one position of the document, as a break is: so a break stands for it here.
    pieces = [block.text()]
    block = block.next()
    while block.isValid() and continues(block):
        pieces.append(block.text())
        block = block.next()
    return BREAK.join(pieces), block
