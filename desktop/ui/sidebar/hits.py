"""The search results: their model, delegate and list. Imported at the first search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QWidget

from desktop.ui.sidebar.conversations import Index, ItemRole
from desktop.ui.sidebar.delegates import LINE, RowDelegate, list_font
from desktop.ui.sidebar.lists import RowList
from desktop.ui.sidebar.rows import shown_title
from desktop.ui.style.theme import Theme, theme

if TYPE_CHECKING:
    from desktop.store.records import SearchHit

_BEFORE_HIT = 12  # characters


class HitModel(QAbstractListModel):
    """One row for each hit, in the order of the store: newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hits: list[SearchHit] = []

    def set_hits(self, hits: list[SearchHit]) -> None:
        """Show these hits."""
        self.beginResetModel()
        self._hits = list(hits)
        self.endResetModel()

    def hit(self, index: Index) -> SearchHit | None:
        """The hit of a row."""
        return self._hits[index.row()] if index.isValid() else None

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """The number of hits."""
        return 0 if parent.isValid() else len(self._hits)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The title to display, title and snippet for screen readers, the hit itself for the delegate."""
        if not index.isValid() or index.row() >= len(self._hits):
            return None
        hit = self._hits[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown_title(hit.title)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{shown_title(hit.title)}: {' '.join(hit.snippet.split())}"
        if role == ItemRole.SUMMARY:
            return hit
        return False if role in (ItemRole.IS_SECTION, ItemRole.IS_OPEN) else None


class HitDelegate(RowDelegate):
    """Paints the title on the first line and the snippet on the second, with the hits marked."""

    def sizeHint(self, _option: Any, _index: Any) -> QSize:
        """Two lines."""
        return QSize(theme().px(120), theme().px(56))

    def paint(self, painter: QPainter, option: Any, index: QModelIndex | QPersistentModelIndex) -> None:
        """One hit."""
        look = theme()
        hit = index.data(ItemRole.SUMMARY)
        painter.save()
        area = self.background(painter, option.rect, index.row(), is_open=False)
        font = list_font(look)
        painter.setFont(font)
        painter.setPen(look.color("ink"))
        upper = QRect(area.left(), area.top() + look.px(6), area.width(), look.px(22))
        title = str(index.data(Qt.ItemDataRole.DisplayRole))
        painter.drawText(upper, LINE, QFontMetrics(font).elidedText(title, Qt.TextElideMode.ElideRight, upper.width()))
        lower = QRect(area.left(), area.top() + look.px(28), area.width(), look.px(20))
        _paint_marked(painter, lower, hit.snippet, hit.ranges, look)
        painter.restore()


class HitList(RowList):
    """The search results. `opened` has the conversation id and the message id (None for a hit in the title)."""

    opened = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        self.hits = HitModel()
        super().__init__(self.hits, HitDelegate(), parent)
        self.hits.setParent(self)

    def open_row(self, index: QModelIndex) -> None:
        """Open the conversation at the message."""
        hit = index.data(ItemRole.SUMMARY)
        if hit is not None:
            self.opened.emit(hit.conversation_id, hit.message_id)


def _paint_marked(painter: QPainter, area: QRect, text: str, ranges: list[tuple[int, int]], look: Theme) -> None:
    """Paint `text` on one line with `ranges` (start, end) marked, clipped to `area`."""
    line, ranges = one_line(text, ranges)
    layout = QTextLayout(line, look.font_small)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.NoWrap)
    layout.setTextOption(option)
    plain = _mark(line, 0, len(line), look.color("ink-2"))
    marks = [_mark(line, start, end, look.color("violet"), look.color("violet-soft")) for start, end in ranges]
    layout.setFormats([plain, *marks])
    layout.beginLayout()
    text_line = layout.createLine()
    text_line.setLineWidth(1e6)  # never wrapped
    layout.endLayout()
    painter.setClipRect(area)
    layout.draw(painter, QPointF(area.left(), area.top() + (area.height() - text_line.height()) / 2))


def one_line(text: str, ranges: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """A snippet on one line, cut shortly before its first hit, and the ranges of the hits in it."""
    line = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")  # one for one, so that the ranges stay valid
    first = min((start for start, _ in ranges), default=0)
    if first <= _BEFORE_HIT:
        return line, list(ranges)
    cut = first - _BEFORE_HIT
    return "…" + line[cut:], [(start - cut + 1, end - cut + 1) for start, end in ranges]


def _mark(line: str, start: int, end: int, ink: QColor, background: QColor | None = None) -> QTextLayout.FormatRange:
    format_range = QTextLayout.FormatRange()
    style = QTextCharFormat()
    style.setForeground(ink)
    if background is not None:
        style.setBackground(background)
        style.setFontWeight(QFont.Weight.DemiBold)
    # Qt counts UTF-16 code units, Python characters: they differ after an emoji.
    format_range.start, format_range.length, format_range.format = _utf16(line[:start]), _utf16(line[start:end]), style
    return format_range


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
