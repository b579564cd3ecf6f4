"""Lines of code in a document: they are not wrapped, so a block is as wide as its longest line, and can be scrolled.

A line of code is a text block, and Qt lays out a whole text block with every letter that is added to it. So a line of
tens of thousands of letters is divided into several text blocks of about `PIECE` characters, one below the other. All
but the first are marked with `CONTINUES`, so that copying and searching join them again.

Scrolling moves the visible lines of the finished layout just before they are painted; nothing is laid out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil

from PySide6.QtCore import QPointF
from PySide6.QtGui import QTextBlock, QTextDocument, QTextFormat

from desktop.ui.breaks import cut_positions
from desktop.ui.transcript.document.extent import Extent
from desktop.ui.transcript.document.style import CODE_PAD, Style
from desktop.ui.transcript.markdown.blocks import Code

PIECE = 4000
"""About so many characters of a line of code are laid out side by side: about 32,000 pixels."""
CONTINUES = QTextFormat.Property.UserProperty.value + 2
"""Set in the format of a text block that continues the line of code above it."""


def cuts_of(line: str) -> list[int]:
    """Indexes at which a line of code is divided into text blocks; nearly always none."""
    return cut_positions(line, PIECE)


def rows_of(code: str) -> Iterator[tuple[int, int]]:
    """(begin, end) in `code` of each text block that shows it, from top to bottom, without newlines."""
    begin = 0
    for line in code.split("\n"):
        at = begin
        for cut in cuts_of(line):
            yield at, begin + cut
            at = begin + cut
        yield at, begin + len(line)
        begin += len(line) + 1


def continues(block: QTextBlock) -> bool:
    """Whether a text block continues the line of code above it."""
    return block.blockFormat().boolProperty(CONTINUES)


class CodeLines:
    """The blocks of code of one document, by their index.

    Args:
        lines_of: returns the first and the last text block of the block with an index.
    """

    def __init__(
        self, document: QTextDocument, style: Style, lines_of: Callable[[int], tuple[QTextBlock, QTextBlock]]
    ) -> None:
        self._document, self._lines_of = document, lines_of
        self.restyle(style)

    def restyle(self, style: Style) -> None:
        """Take another style, and forget all code."""
        self._style = style
        self._blocks: dict[int, Code] = {}
        self._widest: dict[int, tuple[int, float]] = {}  # (number of measured lines, pixels of the widest of them)
        self._shifts: dict[int, int] = {}  # pixels that are scrolled out at the left

    def since(self, first: int) -> list[int]:
        """Indexes of the blocks from `first` on that are code."""
        return [index for index in self._blocks if index >= first]

    def take(self, index: int, block: Code) -> None:
        """Set the code of a block. It is new, or has grown, or (rarely) is shorter than before."""
        old = self._blocks.get(index)
        if old is not None and len(block.text) < len(old.text):
            self._widest.pop(index, None)
        self._blocks[index] = block

    def forget(self, first: int) -> None:
        """Forget the blocks from `first` on: they were removed."""
        for index in [i for i in self._blocks if i >= first]:
            for values in (self._blocks, self._widest, self._shifts):
                values.pop(index, None)

    def shift(self, index: int, pixels: int) -> None:
        """Scroll code sideways: `pixels` of it are out of sight at the left."""
        if index in self._blocks:
            self._shifts[index] = pixels

    def extent(self, index: int) -> Extent:
        """The width of the code, and the room that the page has for it."""
        pad = self._style.theme.px(CODE_PAD)
        left = self._style.indent(self._blocks[index].containers) + pad
        room = int(self._document.textWidth()) - left - pad
        return Extent(ceil(self._width(index)), room, left, pad - 1)  # not over the border

    def shift_lines(self, top: float, bottom: float) -> None:
        """Move the lines between two heights by what they are scrolled.

        To be called before each painting: whenever Qt lays a line out, it moves the line back.
        """
        for index in self._shifts:
            first, last = self._lines_of(index)
            begin = self._document.documentLayout().blockBoundingRect(first).top()
            step = self._style.code_line_height
            above = max(0, int((top - begin) / step) - 1)
            line = self._document.findBlockByNumber(first.blockNumber() + above)
            while line.isValid() and line.blockNumber() <= last.blockNumber() and begin + above * step <= bottom:
                self.shift_line(index, line)
                line, above = line.next(), above + 1

    def shift_line(self, index: int, line: QTextBlock) -> None:
        """Move a line of the block `index` by what that block is scrolled, if it is code."""
        layout, x = line.layout(), -self._shifts.get(index, 0)
        if index in self._blocks and layout.position().x() != x:
            layout.setPosition(QPointF(x, layout.position().y()))

    def _width(self, index: int) -> float:
        """Pixels of the longest line. Each line is measured once, but the last one every time: it may have grown."""
        first, last = self._lines_of(index)
        # Lays out the document to this block; a QTextLayout that was not laid out has no lines.
        self._document.documentLayout().blockBoundingRect(last)
        settled, widest = self._widest.get(index, (0, 0.0))
        count = last.blockNumber() - first.blockNumber()
        line = self._document.findBlockByNumber(first.blockNumber() + settled)
        for _ in range(settled, count):
            widest = max(widest, _natural_width(line))
            line = line.next()
        self._widest[index] = count, widest
        return max(widest, _natural_width(line))


def _natural_width(line: QTextBlock) -> float:
    layout = line.layout()
    return layout.lineAt(0).naturalTextWidth() if layout.lineCount() else 0.0
