"""The text that is copied from a document: with bullets and numbers, and with tabs between the cells of a table."""

from __future__ import annotations

import re
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import QTextBlock, QTextCursor, QTextTable

from desktop.ui.breaks import without_breaks
from desktop.ui.transcript.document.code_lines import continues
from desktop.ui.transcript.document.formulas import OBJECT, source_at
from desktop.ui.transcript.document.render import utf16

_MARKER_GAP = re.compile("[\t\u2002]")
"""What `style.marker_gap` puts behind a marker."""


def selected_text(cursor: QTextCursor) -> str:
    """The selected text of a cursor."""
    if not cursor.hasSelection():
        return ""
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    block = cursor.document().findBlock(start)
    lines: list[str] = []
    row: tuple[int, int] | None = None
    while block.isValid() and block.position() <= end:
        text = _part(block, start, end)
        row_of_block = _row_of(block)
        if row_of_block is not None:
            if row_of_block == row:
                lines[-1] = f"{text}\t{lines[-1]}" if _is_from_right(block) else f"{lines[-1]}\t{text}"
            else:
                lines.append(text)
        elif continues(block) and lines:
            lines[-1] += text
        elif not _is_thin(block):
            lines.append(_MARKER_GAP.sub(" ", text, count=1) if block.blockFormat().textIndent() < 0 else text)
        row = row_of_block
        block = block.next()
    return "\n".join(lines)


def _part(block: QTextBlock, start: int, end: int) -> str:
    """The text of a block between two positions of the document, with the sources of its formulas."""
    encoded = block.text().encode("utf-16-le")  # positions count UTF-16 code units, two bytes each
    begin = max(0, start - block.position())
    part = encoded[begin * 2 : max(0, end - block.position()) * 2].decode("utf-16-le", "replace")
    if OBJECT in part:
        pieces = part.split(OBJECT)
        part, at = pieces[0], block.position() + begin
        for before, piece in pairwise(pieces):
            at += utf16(before)
            part += source_at(block.document(), at) + piece
            at += 1
    # Code is not wrapped, so a zero-width space in it is the code's own.
    return part if block.blockFormat().nonBreakableLines() else without_breaks(part)


def _row_of(block: QTextBlock) -> tuple[int, int] | None:
    """(position of the table around a block, row within it); None outside of tables."""
    table = QTextCursor(block).currentFrame()
    if not isinstance(table, QTextTable):
        return None
    return table.firstPosition(), table.cellAt(block.position()).row()


def _is_from_right(block: QTextBlock) -> bool:
    """Whether the columns of the table around a block run from right to left."""
    return QTextCursor(block).currentFrame().frameFormat().layoutDirection() == Qt.LayoutDirection.RightToLeft


def _is_thin(block: QTextBlock) -> bool:
    """Whether a text block is an empty line of one pixel: a rule, or the line before or behind a table."""
    return block.length() == 1 and block.blockFormat().lineHeight() <= 1
