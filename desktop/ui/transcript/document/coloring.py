"""Syntax highlighting a few milliseconds at a time, so that a long block of code never blocks the window."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument, QTextLayout

from desktop.markup.highlight import ready, tokens
from desktop.ui.transcript.document.code_lines import rows_of
from desktop.ui.transcript.document.render import DocumentRenderer, utf16
from desktop.ui.transcript.markdown.blocks import Code

_SLICE_S = 0.003
_RETRY_MS = 20
"""Milliseconds until a lexer that is being imported is asked for again."""
_LONGEST = 200_000
"""Characters; longer code is not coloured."""
_MAX_RANGES = 300
"""Coloured ranges of one text block. Qt paints each of them separately, visible or not, so the rest is not coloured."""


class Coloring(QObject):
    """Colours the code blocks of one document; a block that grows is coloured again and again."""

    def __init__(self, renderer: DocumentRenderer, document: QTextDocument, parent: QObject) -> None:
        super().__init__(parent)
        self._renderer, self._document = renderer, document
        self._queue: dict[int, Code] = {}
        self._job: Iterator[None] | None = None
        self._index = -1
        self._cost = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)

    @property
    def busy(self) -> bool:
        """Whether code is waiting to be coloured."""
        return self._job is not None or bool(self._queue)

    def request(self, index: int, code: Code) -> None:
        """Colour the block `index` soon."""
        if not code.language or len(code.text) > _LONGEST:
            return
        self._queue[index] = code
        if self._timer.isActive() and code.closed:
            self._timer.start(0)
        elif not self._timer.isActive():
            # Each time it grows, code is coloured from its beginning: wait ten times as long as the last time took
            # (`_cost` is in seconds, the timer in milliseconds), so that this takes a tenth of the time at most.
            self._timer.start(0 if code.closed else max(60, round(self._cost * 10_000)))

    def forget(self, first: int) -> None:
        """Forget the blocks from `first` on: they were removed or have changed."""
        if self._index >= first:
            self._job = None
        for index in [i for i in self._queue if i >= first]:
            del self._queue[index]

    def _work(self) -> None:
        started = time.perf_counter()
        if self._job is None:
            self._cost = 0.0
            if not self._queue:
                return
            self._index = next(iter(self._queue))
            if not ready(self._queue[self._index].language):
                self._timer.start(_RETRY_MS)
                return
            self._job = self._color(self._index, self._queue.pop(self._index))
        edit = QTextCursor(self._document)
        edit.beginEditBlock()
        while time.perf_counter() - started < _SLICE_S:
            if next(self._job, self) is self:
                self._job = None
                break
        edit.endEditBlock()
        self._cost += time.perf_counter() - started
        if self.busy:
            self._timer.start(0)

    def _color(self, index: int, code: Code) -> Iterator[None]:
        """Lex and colour; yields after each text block."""
        block = self._renderer.first_line_of(index)
        rows = rows_of(code.text)
        begin, end = next(rows)
        formats: list[QTextLayout.FormatRange] = []
        # Two ascending sequences in step: tokens, which may extend over several lines, and the rows of the document.
        for start, length, name in tokens(code.text, code.language):
            stop = start + length
            while stop > end and (row := next(rows, None)) is not None:  # the token ends behind this row
                if start < end:
                    formats.append(self._range(code.text[begin:end], max(0, start - begin), end - begin, name))
                self._set(block, formats)
                formats = []
                block, (begin, end) = block.next(), row
                yield
            if begin < stop:
                formats.append(self._range(code.text[begin:end], max(0, start - begin), stop - begin, name))
        self._set(block, formats)
        yield

    def _range(self, row: str, begin: int, end: int, name: str) -> QTextLayout.FormatRange:
        color_range = QTextLayout.FormatRange()
        color_range.start, color_range.length = utf16(row[:begin]), utf16(row[begin:end])
        color_range.format = self._renderer.style.code_color_format(name)
        return color_range

    @staticmethod
    def _set(block: QTextBlock, formats: list[QTextLayout.FormatRange]) -> None:
        if block.isValid():
            # Formats of the layout, not of the document: they are not part of the text, and nothing moves.
            block.layout().setFormats(formats[:_MAX_RANGES])
