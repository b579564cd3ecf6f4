"""Paints what is behind the text of a message: backgrounds of code, bars of quotes, rules, pills of inline code.

A QTextDocument can neither round the corners of a background nor pad a word, so these are not part of it: they are
painted before the text, and only where they are visible.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QTextBlock, QTextBlockFormat, QTextCursor, QTextDocument

from desktop.ui.transcript.document.render import DocumentRenderer, utf16
from desktop.ui.transcript.document.style import CODE_HEADER, CODE_PAD
from desktop.ui.transcript.markdown.blocks import Block, Code, Line, Table, ThematicBreak, runs_right_to_left

_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value
_AT_LEAST = QTextBlockFormat.LineHeightTypes.MinimumHeight.value


@dataclass(frozen=True, slots=True)
class BlockBox:
    """A block, its index, and its box without margins, in pixels of the document."""

    index: int
    block: Block
    box: QRectF


class BlockBackground:
    """Measures the blocks of a document, and paints behind them."""

    def __init__(self, document: QTextDocument, renderer: DocumentRenderer) -> None:
        self._document, self._renderer = document, renderer

    def height(self) -> int:
        """Height of the document in pixels, with the padding of code at its end."""
        height = self._document.size().height()
        if self._renderer.blocks and isinstance(self._renderer.blocks[-1], Code):
            height += self._renderer.style.theme.px(CODE_PAD)
        return int(height + 0.99)

    def box(self, index: int) -> QRectF:
        """The box of a block; that of code includes its header and padding."""
        style = self._renderer.style
        block = self._renderer.blocks[index]
        first, last = self._renderer.lines_of(index)
        left, right = style.indent(block.containers), self._document.textWidth()
        if runs_right_to_left(block):
            left, right = 0, right - left
        top = self._top(first)
        match block:
            case Code():
                top -= style.theme.px(CODE_HEADER)
                bottom = self._bottom(last) + style.theme.px(CODE_PAD)
            case Table():
                cursor = QTextCursor(first.next())
                return self._document.documentLayout().frameBoundingRect(cursor.currentFrame())
            case _:
                bottom = self._bottom(last)
        return QRectF(left, top, right - left, bottom - top)

    def visible(self, clip: QRectF) -> Iterator[BlockBox]:
        """The blocks that touch `clip`."""
        if not self._renderer.blocks:
            return
        at = self._document.documentLayout().hitTest(QPointF(1, clip.top()), Qt.HitTestAccuracy.FuzzyHit)
        # One block earlier than the one at this position: its padding may reach into `clip`.
        index = max(0, bisect_right(self._renderer.starts, at) - 2)
        for number in range(index, len(self._renderer.blocks)):
            box = self.box(number)
            if box.top() - self._renderer.style.theme.px(CODE_HEADER) > clip.bottom():
                return
            yield BlockBox(number, self._renderer.blocks[number], box)

    def paint(self, painter: QPainter, clip: QRectF) -> None:
        """Paint what is behind the text in `clip`."""
        theme = self._renderer.style.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for block_box in self.visible(clip):
            block, box = block_box.block, block_box.box
            self._paint_quotes(painter, block_box)
            painter.setPen(Qt.PenStyle.NoPen)
            match block:
                case Code():
                    painter.setBrush(theme.color("code"))
                    painter.setPen(theme.color("line"))
                    # Half a pixel inwards: a line of one pixel is painted around its coordinates.
                    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius, theme.radius)
                    self._paint_language(painter, block, box)
                case ThematicBreak():
                    painter.fillRect(QRectF(box.left(), box.top(), box.width(), 1), theme.color("line"))
                case Line():
                    self._paint_pills(painter, block_box.index, block)

    def _paint_language(self, painter: QPainter, block: Code, box: QRectF) -> None:
        theme = self._renderer.style.theme
        painter.setPen(theme.color("ink-2"))
        painter.setFont(theme.font_small)
        header = QRectF(box.left() + theme.px(CODE_PAD), box.top(), box.width() / 2, theme.px(CODE_HEADER))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignAbsolute  # in a mirrored window, too
        painter.drawText(header, int(Qt.AlignmentFlag.AlignVCenter | left), block.language)

    def _paint_quotes(self, painter: QPainter, block_box: BlockBox) -> None:
        theme, style = self._renderer.style.theme, self._renderer.style
        containers = block_box.block.containers
        depths = [d for d, kind in enumerate(containers) if kind == "quote"]
        if not depths:
            return
        before = self._renderer.blocks[block_box.index - 1].containers if block_box.index else ()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("line"))
        for depth in depths:
            left = style.indent(containers[:depth])
            if runs_right_to_left(block_box.block):
                left = int(self._document.textWidth()) - left - theme.px(3)
            top = block_box.box.top()
            if before[: depth + 1] == containers[: depth + 1]:
                # The quote goes on: the bar covers the margin, and the rounded end of the bar above.
                top = self.box(block_box.index - 1).bottom() - 1.5
            bar = QRectF(left, top, theme.px(3), block_box.box.bottom() - top)
            painter.drawRoundedRect(bar, 1.5, 1.5)

    def _paint_pills(self, painter: QPainter, index: int, line: Line) -> None:
        if not any(span.code for span in line.spans):
            return
        theme = self._renderer.style.theme
        block = self._renderer.first_line_of(index)
        painter.setBrush(theme.color("hover"))
        at = utf16(line.marker) + 1 if line.marker else 0  # the marker and its gap, see `style.marker_gap`
        for span in self._renderer.laid_out(line.spans):
            end = at + utf16(span.text)
            if span.code:
                for box in self._boxes(block, at, end):
                    painter.drawRoundedRect(box, 4, 4)
            at = end

    def _boxes(self, block: QTextBlock, start: int, end: int) -> Iterator[QRectF]:
        """The boxes of a range of one text block, one for each line on the screen."""
        layout, theme = block.layout(), self._renderer.style.theme
        block_format = block.blockFormat()
        origin = self._document.documentLayout().blockBoundingRect(block).topLeft()
        for number in range(layout.lineCount()):
            row = layout.lineAt(number)
            first, last = max(start, row.textStart()), min(end, row.textStart() + row.textLength())
            if first >= last:
                continue
            left, right = _x(row.cursorToX(first)), _x(row.cursorToX(last))
            height = theme.px(21)
            if block_format.lineHeightType() == _FIXED:
                # In a line of fixed height, `y()` and `height()` of a QTextLine are those of its font.
                step = block_format.lineHeight()
                top = origin.y() + number * step + (step - height) / 2 + 1
            else:
                top = origin.y() + row.y() + row.ascent() - height * 0.72
            yield QRectF(origin.x() + left - 2, top, right - left + 4, height)

    def _top(self, block: QTextBlock) -> float:
        return self._document.documentLayout().blockBoundingRect(block).top()

    def _bottom(self, block: QTextBlock) -> float:
        block_format, layout = block.blockFormat(), block.layout()
        if block_format.lineHeightType() == _AT_LEAST:
            return self._top(block) + layout.boundingRect().height()
        # The bounding rectangle ends with the font of the last line, above the end of its fixed height.
        return self._top(block) + max(1, layout.lineCount()) * block_format.lineHeight()


def _x(result: object) -> float:
    # `cursorToX` of PySide returns (x, cursor position); its type hints say float.
    return float(result[0] if isinstance(result, tuple) else cast(float, result))
