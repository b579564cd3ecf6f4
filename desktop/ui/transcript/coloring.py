"""Colours code a few milliseconds at a time, so that a long block never holds up the window."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument, QTextLayout

from desktop.ui.breaks import BREAK, break_places
from desktop.ui.transcript.blocks import Code
from desktop.ui.transcript.highlight import ready, tokens
from desktop.ui.transcript.render import Renderer, utf16

_SLICE_S = 0.003
_LOOK_AGAIN_MS = 20
_LONGEST = 200_000
"""Characters; what is longer stays in plain ink."""


class Coloring(QObject):
    """Colours the code blocks of one document, the one that is still being written again and again."""

    def __init__(self, renderer: Renderer, document: QTextDocument, parent: QObject) -> None:
        super().__init__(parent)
        self._renderer, self._document = renderer, document
        self._wanted: dict[int, Code] = {}
        self._job: Iterator[None] | None = None
        self._index = -1
        self._cost = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)

    @property
    def busy(self) -> bool:
        """Whether something is still to be coloured."""
        return self._job is not None or bool(self._wanted)

    def want(self, index: int, code: Code) -> None:
        """Colour the block `index` soon."""
        if not code.language or len(code.text) > _LONGEST:
            return
        self._wanted[index] = code
        if self._timer.isActive() and code.closed:
            self._timer.start(0)
        elif not self._timer.isActive():
            # Code that grows is coloured over and over: one tenth of the time at most goes there.
            self._timer.start(0 if code.closed else max(60, round(self._cost * 10_000)))

    def forget(self, first: int) -> None:
        """The blocks from `first` on are gone or were changed."""
        if self._index >= first:
            self._job = None
        for index in [i for i in self._wanted if i >= first]:
            del self._wanted[index]

    def _work(self) -> None:
        begun = time.perf_counter()
        if self._job is None:
            self._cost = 0.0
            if not self._wanted:
                return
            self._index = next(iter(self._wanted))
            if not ready(self._wanted[self._index].language):
                self._timer.start(_LOOK_AGAIN_MS)
                return
            self._job = self._color(self._index, self._wanted.pop(self._index))
        edit = QTextCursor(self._document)
        edit.beginEditBlock()
        while time.perf_counter() - begun < _SLICE_S:
            if next(self._job, self) is self:
                self._job = None
                break
        edit.endEditBlock()
        self._cost += time.perf_counter() - begun
        if self.busy:
            self._timer.start(0)

    def _color(self, index: int, code: Code) -> Iterator[None]:
        """Lex and colour line by line."""
        block = self._renderer.first_line_of(index)
        line = _Line(code.text, 0)
        formats: list[QTextLayout.FormatRange] = []
        for start, length, name in tokens(code.text, code.language):
            token = code.text[start : start + length]
            for offset, part in _by_line(token):
                at = start + offset
                while line.end < at:
                    self._set(block, formats)
                    formats = []
                    block, line = block.next(), _Line(code.text, line.end + 1)
                    yield
                formats.append(self._range(line.units_to(at), line.units_to(at + len(part)), name))
        self._set(block, formats)
        yield

    def _range(self, begin: int, end: int, name: str) -> QTextLayout.FormatRange:
        made = QTextLayout.FormatRange()
        made.start, made.length = begin, end - begin
        made.format = self._renderer.style.code_color_format(name)
        return made

    @staticmethod
    def _set(block: QTextBlock, formats: list[QTextLayout.FormatRange]) -> None:
        if block.isValid():
            block.layout().setFormats(formats)


class _Line:
    """A line of code from `begin` to `end`, and where its characters stand when it is laid out."""

    def __init__(self, code: str, begin: int) -> None:
        end = code.find("\n", begin)
        self.begin, self.end = begin, len(code) if end < 0 else end
        self._text = code[begin : self.end]
        self._breaks = break_places(self._text)
        self._at = self._units = 0

    def units_to(self, at: int) -> int:
        """UTF-16 units before the character `at` of the code; asked from left to right."""
        at -= self.begin
        part = self._text[self._at : at]
        breaks = bisect_right(self._breaks, at) - bisect_right(self._breaks, self._at)
        self._units += utf16(part) + part.count(BREAK) + breaks
        self._at = at
        return self._units


def _by_line(token: str) -> Iterator[tuple[int, str]]:
    offset = 0
    for line in token.split("\n"):
        if line:
            yield offset, line
        offset += len(line) + 1
