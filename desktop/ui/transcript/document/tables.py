"""The tables of a document: their column widths, and the scrolling of those that are wider than the page.

A QTextDocument cannot scroll a part of itself. So a scrolled table gets a smaller, even negative left margin, and the
painting is clipped to the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QFontMetricsF, QTextDocument, QTextLength, QTextTable, QTextTableFormat

from desktop.ui.transcript.document.columns import Columns
from desktop.ui.transcript.document.extent import BAR_HEIGHT, Extent
from desktop.ui.transcript.document.style import Style
from desktop.ui.transcript.markdown.blocks import Span, Table, runs_right_to_left

_MIN_ROOM = 80
"""Pixels that a table has at least, however deep it is nested."""


class Tables:
    """The tables of one document, by the index of their block."""

    def __init__(self, document: QTextDocument, style: Style) -> None:
        self._document = document
        self.restyle(style)

    def restyle(self, style: Style) -> None:
        """Take another style, and forget all tables."""
        self._style = style
        # In bold, because a header is bold, and because bold text is wider than other text.
        self._metrics = QFontMetricsF(style.char_format(Span("", bold=True)).font())
        self._blocks: dict[int, Table] = {}
        self._columns: dict[int, Columns] = {}
        self._tables: dict[int, QTextTable] = {}
        self._shifts: dict[int, int] = {}  # pixels that are scrolled out at the left

    def since(self, first: int) -> list[int]:
        """Indexes of the blocks from `first` on that are tables."""
        return [index for index in self._tables if index >= first]

    def plan(self, index: int, block: Table, table_format: QTextTableFormat) -> None:
        """Set column widths in the format of a table that is about to be inserted."""
        self._blocks[index] = block
        self._columns[index] = Columns(len(block.aligns))
        self._measure(index, block.rows)
        self._set_widths(index, table_format)

    def take(self, index: int, table: QTextTable) -> None:
        """Set the table of a planned block, after it was inserted into the document."""
        self._tables[index] = table

    def table(self, index: int) -> QTextTable:
        """The QTextTable of a block."""
        return self._tables[index]

    def grow(self, index: int, block: Table, rows: Sequence[tuple[tuple[Span, ...], ...]]) -> None:
        """Fit a table that has got more `rows`; `block` is the whole table now."""
        self._blocks[index] = block
        self._measure(index, rows)
        self._fit(index)

    def forget(self, first: int) -> None:
        """Forget the blocks from `first` on: they were removed."""
        for index in [i for i in self._blocks if i >= first]:
            for values in (self._blocks, self._columns, self._tables, self._shifts):
                values.pop(index, None)

    def fit(self) -> None:
        """Fit all tables to the width of the page, after that has changed."""
        for index in self._tables:
            self._fit(index)

    def shift(self, index: int, pixels: int) -> None:
        """Scroll a table sideways: `pixels` of it are out of sight at the left."""
        if index in self._tables:
            self._shifts[index] = pixels
            self._fit(index)

    def extent(self, index: int) -> Extent:
        """The width of a table (0 for one that fits without constraints), and the room that the page has for it."""
        room = self._room(index)
        width = round(sum(self._columns[index].widths(room) or ()))
        return Extent(width, room, self._style.indent(self._blocks[index].containers))

    def _measure(self, index: int, rows: Sequence[tuple[tuple[Span, ...], ...]]) -> None:
        for row in rows:
            self._columns[index].take(row, self._metrics.horizontalAdvance)

    def _fit(self, index: int) -> None:
        table = self._tables[index]
        table_format = QTextTableFormat(table.format())
        self._set_widths(index, table_format)
        if table_format != table.format():  # setting a format lays the table out again
            table.setFormat(table_format)

    def _set_widths(self, index: int, table_format: QTextTableFormat) -> None:
        block, columns = self._blocks[index], self._columns[index]
        widths = columns.widths(self._room(index))
        if widths and runs_right_to_left(block):
            widths.reverse()  # as the columns are, see `DocumentRenderer._row`
        is_wide = self.extent(index).is_wide
        free = [QTextLength()] * columns.count
        table_format.setColumnWidthConstraints(
            [QTextLength(QTextLength.Type.FixedLength, w) for w in widths or ()] or free
        )
        table_format.setLeftMargin(
            self._style.indent(block.containers) - (self._shifts.get(index, 0) if is_wide else 0)
        )
        table_format.setBottomMargin(self._style.theme.px(BAR_HEIGHT) if is_wide else 0)

    def _room(self, index: int) -> int:
        indent = self._style.indent(self._blocks[index].containers)
        return max(_MIN_ROOM, int(self._document.textWidth()) - indent)
