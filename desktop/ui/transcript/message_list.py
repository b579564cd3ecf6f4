"""A scrolling column of messages that makes widgets only for what is near the window, and never jumps under a reader.

Everything that can move things ends in `_sync`: it makes and measures what is in sight, then scrolls so that the row
that was at the top (the *anchor*) stays where it was, or, while the reader is at the end, so that the end stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from desktop.ui.style.controls import IconButton
from desktop.ui.style.theme import theme
from desktop.ui.transcript.message.layout import SIDE
from desktop.ui.transcript.message.widget import MessageWidget
from desktop.ui.transcript.progress import HEIGHT as PROGRESS_HEIGHT
from desktop.ui.transcript.progress import ProgressLine
from desktop.ui.transcript.row_layout import MessageRow, RowLayout

AT_BOTTOM = 24
"""Pixels from the end that still count as being there."""
TOP_PAD = 16
_BOTTOM_PAD = 16
_MARGIN = 24
_AHEAD = 1.0
"""Windows above and below the visible one that are made ready in idle moments."""
_KEPT_WIDGETS = 40
_ENDLESS = (1 << 24) - 1
"""The largest size of a widget."""
_NOTCH = 120
"""Eighths of a degree of the wheel that are one step of zoom: a notch of a mouse; touchpads come in less."""
_ROUNDS = 12
"""Measuring what is in sight can bring other rows into sight; it settles in two or three rounds."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row that is to stay where it is: `offset` pixels of it are scrolled out above (negative: it begins lower).

    With `share` that is a share of its height, for when the height is about to change with the width.
    """

    index: int
    offset: int
    share: float | None = None


class _Page(QWidget):
    """What the messages lie on: opaque and never resized, so that scrolling moves pixels instead of painting them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.resize(_ENDLESS, _ENDLESS)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paper."""
        QPainter(self).fillRect(event.rect(), theme().color("page"))


class MessageList(QAbstractScrollArea):
    """Keeps rows in their places."""

    zoom_requested = Signal(int)
    """Steps larger (+) or smaller (-)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = RowLayout()
        self._context_start: int | None = None
        self._busy = False
        self._waits = False  # the last question waits to be asked
        self._stick = True  # the end is to stay in sight
        self._own_scroll = False
        self._last_value = 0
        self._width = 0
        self._turned = 0  # by the wheel with Ctrl, in eighths of a degree
        self._page = _Page(self.viewport())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._progress = ProgressLine(self._page)
        self._to_end = IconButton("arrow-down", kind="round", parent=self)
        self._to_end.setObjectName("to-end")
        self._to_end.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._to_end.clicked.connect(self.scroll_to_end)
        self._to_end.hide()
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.timeout.connect(self._make_ahead)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def scroll_to_end(self) -> None:
        """Go to the end and follow what is being written."""
        self._stick = True
        self._sync(None)

    def at_bottom(self) -> bool:
        """Whether the reader is at the end."""
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - AT_BOTTOM

    # Widgets for rows

    def _make_widget(self, row: MessageRow) -> MessageWidget:
        """The widget of a row, on the page."""
        raise NotImplementedError

    def _ready(self, row: MessageRow) -> MessageWidget:
        if row.widget is None:
            row.widget = self._make_widget(row)
            row.measured = False
            self._place(row)
            row.widget.show()
        return row.widget

    def _drop(self, row: MessageRow) -> None:
        if row.widget is not None:
            row.widget.hide()
            row.widget.deleteLater()
            row.widget = None

    def _place(self, row: MessageRow) -> None:
        rows = self._rows.rows
        if row.widget is not None:
            cut = row.message.id == self._context_start and row is not rows[0]
            row.widget.set_place(last=row is rows[-1], cut=cut, busy=self._busy or self._waits)

    def _measure(self, index: int) -> bool:
        """Lay a row out. Returns whether its height has changed."""
        return self._rows.set_height(index, self._ready(self._rows.rows[index]).arrange(self._column()))

    # Places

    def _column(self) -> int:
        look = theme()
        return max(120, min(look.shape("column"), self.viewport().width() - 2 * look.px(_MARGIN)))

    def _guess_heights(self) -> None:
        self._rows.guess(self._column(), theme().font_size("body") * 1.7)

    def _value(self) -> int:
        """How far the rows are scrolled."""
        return self.verticalScrollBar().value() - theme().px(TOP_PAD)

    def _anchor(self, *, reflow: bool = False) -> Anchor | None:
        """The first row that begins in the upper half of the window; else the one that fills it.

        `reflow`: the width is about to change.
        """
        value, index = self._value(), self._rows.at(self._value())
        if index < 0:
            return None
        following = index + 1
        if following < len(self._rows) and self._rows.top(following) - value < self.viewport().height() // 2:
            return Anchor(following, value - self._rows.top(following))
        offset = value - self._rows.top(index)
        share = offset / max(1, self._rows.rows[index].height) if reflow and offset > 0 else None
        return Anchor(index, offset, share)

    def _wanted_value(self, anchor: Anchor | None) -> int:
        """The value of the scroll bar that keeps the anchor, or the end, in its place."""
        end = max(0, self._content_height() - self.viewport().height())
        if self._stick or anchor is None or not self._rows.rows:
            return end
        index = min(anchor.index, len(self._rows) - 1)
        offset = anchor.offset
        if anchor.share is not None:
            offset = round(anchor.share * self._rows.rows[index].height)
        # A message that was folded may have become shorter than what was scrolled out of it.
        offset = min(offset, max(0, self._rows.rows[index].height - self.viewport().height() // 2))
        return max(0, min(end, self._rows.top(index) + offset + theme().px(TOP_PAD)))

    def _content_height(self) -> int:
        look = theme()
        progress = look.px(PROGRESS_HEIGHT) if self._progress.wanted else 0
        return look.px(TOP_PAD) + self._rows.total() + progress + look.px(_BOTTOM_PAD)

    def _sync(self, anchor: Anchor | None) -> None:
        """Make what is in sight, put everything in its place, and keep the reader's."""
        if self._column() != self._width:
            self._width = self._column()
            self._rows.forget_heights()
            self._guess_heights()
        for row in self._rows.rows:
            self._place(row)
        value = 0
        for _ in range(_ROUNDS):
            value = self._wanted_value(anchor)
            if not self._make_visible(value - theme().px(TOP_PAD)):
                break
        self._lay_out(value)
        self._let_go()
        self._idle.start(0)

    def _make_visible(self, top: int) -> bool:
        """Make what is in sight and measure what is made. Returns whether a height turned out differently."""
        if not self._rows.rows:
            return False
        changed = False
        visible = range(self._rows.at(top), self._rows.at(top + self.viewport().height()) + 1)
        for index, row in enumerate(self._rows.rows):
            if (index in visible and row.widget is None) or (row.widget is not None and not row.measured):
                changed |= self._measure(index)
        return changed

    def _lay_out(self, value: int) -> None:
        look = theme()
        pad, high = look.px(TOP_PAD), self.viewport().height()
        left = (self.viewport().width() - self._width) // 2
        bar = self.verticalScrollBar()
        self._own_scroll = True
        bar.setRange(0, max(0, self._content_height() - high))
        bar.setPageStep(high)
        bar.setSingleStep(look.px(40))
        # First scroll, then resize: Qt moves pixels only while none of them is to be painted anew.
        bar.setValue(value)
        self._last_value = bar.value()
        self._own_scroll = False
        for index, row in enumerate(self._rows.rows):
            if row.widget is not None:
                row.widget.settle()
                row.widget.move(left - look.px(SIDE), self._rows.top(index) + pad)
        self._progress.setVisible(self._progress.wanted)
        self._progress.setGeometry(QRect(left, self._rows.total() + pad, self._width, look.px(PROGRESS_HEIGHT)))
        self._tell_where()

    def _grow(self, index: int) -> None:
        """The last rows have grown a little: nothing else needs to be looked at."""
        anchor = self._anchor()
        if self._measure(index):
            self._lay_out(self._wanted_value(anchor))
        else:
            self._ready(self._rows.rows[index]).settle()

    def _let_go(self) -> None:
        """Free widgets far from the window, but never one in use."""
        if sum(row.widget is not None for row in self._rows.rows) <= _KEPT_WIDGETS:
            return
        value, high = self._value(), self.viewport().height()
        near = range(self._rows.at(value - 3 * high), self._rows.at(value + 4 * high) + 1)
        focus = QApplication.focusWidget()
        for index, row in enumerate(self._rows.rows):
            widget = row.widget
            if widget is None or index in near or row.message.status == "streaming" or widget.editor is not None:
                continue
            if focus is None or not widget.isAncestorOf(focus):
                self._drop(row)

    def _make_ahead(self) -> None:
        """In an idle moment: one row more above or below the window."""
        if not self._rows.rows:
            return
        value, high = self._value(), int(self.viewport().height() * (1 + _AHEAD))
        window = range(self._rows.at(value - high), self._rows.at(value + high) + 1)
        for index in sorted(window, key=lambda i: abs(self._rows.top(i) - value)):
            if self._rows.rows[index].widget is None:
                anchor = self._anchor()
                self._measure(index)
                self._sync(anchor)
                return

    # Scrolling

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl and the wheel change the size of the text."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._turned = 0
            super().wheelEvent(event)
            return
        self._turned += event.angleDelta().y()
        steps = int(self._turned / _NOTCH)
        self._turned -= steps * _NOTCH
        if steps:
            self.zoom_requested.emit(steps)
        event.accept()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move the page under the window."""
        del dx, dy
        self._page.move(0, -self.verticalScrollBar().value())

    def _scrolled(self, value: int) -> None:
        if self._own_scroll:
            return
        # A trackpad moves a few pixels at a time: the least of them upwards lets go of the end.
        self._stick = self.at_bottom() and value >= self._last_value
        self._sync(self._anchor())

    def _tell_where(self) -> None:
        bar = self.verticalScrollBar()
        away = bar.maximum() - bar.value()
        self._to_end.setVisible(away > AT_BOTTOM and (self._busy or away > self.viewport().height()))

    def _drag_scroll(self, at: QPoint) -> None:
        """A selection that is drawn out of the window pulls the page along."""
        y, high = self.viewport().mapFromGlobal(at).y(), self.viewport().height()
        step = max(-40, y) if y < 0 else min(40, y - high) if y > high else 0
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + step)

    def _bring_into_view(self, top: int, bottom: int) -> None:
        """Scroll as little as needed to see a stretch of the page with some room around it."""
        bar, margin = self.verticalScrollBar(), theme().px(32)
        if top - margin < bar.value():
            bar.setValue(top - margin)
        elif bottom + margin > bar.value() + self.viewport().height():
            bar.setValue(bottom + margin - self.viewport().height())

    def _put_button(self) -> None:
        side = theme().px(36)
        self._to_end.setFixedSize(side, side)
        middle = self.viewport().width() // 2
        self._to_end.move(middle - side // 2, self.height() - side - theme().px(12))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width: other heights, the same place."""
        anchor = self._anchor(reflow=True)
        super().resizeEvent(event)
        self._put_button()
        self._sync(anchor)
