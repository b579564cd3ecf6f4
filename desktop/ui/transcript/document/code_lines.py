"""Lines of code in a document: they are not wrapped, so a block of them is as wide as its longest, and may be scrolled.

A line is one text block, which a text document lays out anew with every letter that it gains. So a line of tens of
thousands of letters goes on below itself after about `PIECE` of them: in a text block that is marked with `CONTINUES`,
for copying and searching know nothing of that.

Scrolling moves the laid-out lines that are in sight, just before they are painted: nothing is laid out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil

from PySide6.QtCore import QPointF
from PySide6.QtGui import QTextBlock, QTextDocument, QTextFormat

from desktop.ui.breaks import cut_places
from desktop.ui.transcript.document.extent import Extent
from desktop.ui.transcript.document.style import CODE_PAD, Style
from desktop.ui.transcript.markdown.blocks import Code

PIECE = 4000
"""Characters of a line of code that are laid out side by side, about: 32,000 pixels."""
CONTINUES = QTextFormat.Property.UserProperty.value + 2
"""Set in the format of a text block that continues the line of code above it."""


def cuts_of(line: str) -> list[int]:
    """Where a line of code goes on in another text block; nearly always nowhere."""
    return cut_places(line, PIECE)


def rows_of(code: str) -> Iterator[tuple[int, int]]:
    """(begin, end) in `code` of the text blocks that show it, from top to bottom, without newlines."""
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
    """The code of one document, by the index of its block.

    Args:
        lines_of: gives the first and the last text block of a block of the message.
    """

    def __init__(
        self, document: QTextDocument, style: Style, lines_of: Callable[[int], tuple[QTextBlock, QTextBlock]]
    ) -> None:
        self._document, self._lines_of = document, lines_of
        self.restyle(style)

    def restyle(self, style: Style) -> None:
        """Another look; all code is forgotten."""
        self._style = style
        self._blocks: dict[int, Code] = {}
        self._widest: dict[int, tuple[int, float]] = {}  # lines that are settled, pixels of the widest of them
        self._shifts: dict[int, int] = {}  # pixels that are scrolled out at the left

    def since(self, first: int) -> list[int]:
        """The blocks from `first` on that are code."""
        return [index for index in self._blocks if index >= first]

    def take(self, index: int, block: Code) -> None:
        """The code of a block is this now: it is new, has grown or, rarely, lost what it had at its end."""
        old = self._blocks.get(index)
        if old is not None and len(block.text) < len(old.text):
            self._widest.pop(index, None)
        self._blocks[index] = block

    def forget(self, first: int) -> None:
        """The blocks from `first` on are gone."""
        for index in [i for i in self._blocks if i >= first]:
            for kept in (self._blocks, self._widest, self._shifts):
                kept.pop(index, None)

    def shift(self, index: int, pixels: int) -> None:
        """Scroll code sideways."""
        if index in self._blocks:
            self._shifts[index] = pixels

    def extent(self, index: int) -> Extent:
        """How wide the code is, and where the page has room for it."""
        pad = self._style.theme.px(CODE_PAD)
        left = self._style.indent(self._blocks[index].containers) + pad
        room = int(self._document.textWidth()) - left - pad
        return Extent(ceil(self._width(index)), room, left, pad - 1)  # the border stays whole

    def put_lines(self, top: float, bottom: float) -> None:
        """Move the lines between these heights to where they are scrolled; Qt puts them back when it lays them out."""
        for index in self._shifts:
            first, last = self._lines_of(index)
            begin = self._document.documentLayout().blockBoundingRect(first).top()
            step = self._style.code_line_height
            above = max(0, int((top - begin) / step) - 1)
            line = self._document.findBlockByNumber(first.blockNumber() + above)
            while line.isValid() and line.blockNumber() <= last.blockNumber() and begin + above * step <= bottom:
                self.put(index, line)
                line, above = line.next(), above + 1

    def put(self, index: int, line: QTextBlock) -> None:
        """Move a line of the block `index`, if that is code, to where it is scrolled."""
        layout, x = line.layout(), -self._shifts.get(index, 0)
        if index in self._blocks and layout.position().x() != x:
            layout.setPosition(QPointF(x, layout.position().y()))

    def _width(self, index: int) -> float:
        """Pixels of the longest line. Each line is measured once, the last one every time: it may still grow."""
        first, last = self._lines_of(index)
        self._document.documentLayout().blockBoundingRect(last)  # lays out what is not yet
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
