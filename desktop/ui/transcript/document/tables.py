"""The tables of a document: how wide their columns are, and by how much a table wider than the page is scrolled.

A text document cannot scroll a part of itself. So a table is moved by its left margin, and the page cuts off the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QFontMetricsF, QTextDocument, QTextLength, QTextTable, QTextTableFormat

from desktop.ui.transcript.document.columns import Columns
from desktop.ui.transcript.document.extent import BAR_HEIGHT, Extent
from desktop.ui.transcript.document.style import Style
from desktop.ui.transcript.markdown.blocks import Span, Table, runs_right_to_left

_LEAST_ROOM = 80


class Tables:
    """Tables by the index of their block."""

    def __init__(self, document: QTextDocument, style: Style) -> None:
        self._document = document
        self.restyle(style)

    def restyle(self, style: Style) -> None:
        """Another look; all tables are forgotten."""
        self._style = style
        # What fits in bold letters fits in others.
        self._metrics = QFontMetricsF(style.char_format(Span("", bold=True)).font())
        self._blocks: dict[int, Table] = {}
        self._columns: dict[int, Columns] = {}
        self._tables: dict[int, QTextTable] = {}
        self._shifts: dict[int, int] = {}  # pixels that are scrolled out at the left

    def since(self, first: int) -> list[int]:
        """The blocks from `first` on that are tables."""
        return [index for index in self._tables if index >= first]

    def plan(self, index: int, block: Table, table_format: QTextTableFormat) -> None:
        """Put widths into the format of a table that is about to be made."""
        self._blocks[index] = block
        self._columns[index] = Columns(len(block.aligns))
        self._measure(index, block.rows)
        self._set_widths(index, table_format)

    def take(self, index: int, table: QTextTable) -> None:
        """The table is in the document."""
        self._tables[index] = table

    def table(self, index: int) -> QTextTable:
        """The table in the document."""
        return self._tables[index]

    def grow(self, index: int, block: Table, rows: Sequence[tuple[tuple[Span, ...], ...]]) -> None:
        """The table has `rows` more, and is now `block`."""
        self._blocks[index] = block
        self._measure(index, rows)
        self._fit(index)

    def forget(self, first: int) -> None:
        """The blocks from `first` on are gone."""
        for index in [i for i in self._blocks if i >= first]:
            for kept in (self._blocks, self._columns, self._tables, self._shifts):
                kept.pop(index, None)

    def fit(self) -> None:
        """The page has another width."""
        for index in self._tables:
            self._fit(index)

    def shift(self, index: int, pixels: int) -> None:
        """Scroll a table sideways."""
        if index in self._tables:
            self._shifts[index] = pixels
            self._fit(index)

    def extent(self, index: int) -> Extent:
        """How wide a table is, 0 for one that fits as it is, and where the page has room for it."""
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
        if table_format != table.format():
            table.setFormat(table_format)

    def _set_widths(self, index: int, table_format: QTextTableFormat) -> None:
        block, columns = self._blocks[index], self._columns[index]
        widths = columns.widths(self._room(index))
        if widths and runs_right_to_left(block):
            widths.reverse()
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
        return max(_LEAST_ROOM, int(self._document.textWidth()) - indent)
