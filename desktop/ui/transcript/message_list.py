"""A scrolling list of messages, with widgets only for those near the viewport, whose text never jumps under a reader.

Every change of a height, the width or the path ends in `_sync`. It makes and measures the widgets of the visible rows,
then scrolls so that the row that was at the top of the viewport (the *anchor*) stays where it was; or, while the reader
is at the end (`_stick`), so that the end stays visible. The anchor must be taken before the change.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QWidget

from desktop.ui.style.controls import IconButton
from desktop.ui.style.theme import text_theme, theme, themes
from desktop.ui.transcript.message.context_line import LineKind
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
"""Heights of the viewport, above and below it, in which widgets are made in idle moments."""
_MAX_WIDGETS = 40
"""More widgets than these are not kept, but for those near the viewport or in use."""
_MAX_SIZE = (1 << 24) - 1
"""QWIDGETSIZE_MAX, the largest size of a widget."""
_NOTCH = 120
"""Wheel rotation in eighths of a degree that is one step of zoom: a notch of a mouse. Touchpads send less at a time."""
_MAX_ROUNDS = 12
"""Measuring the visible rows can make other rows visible. That settles in two or three rounds."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row that is to stay where it is: its first `offset` pixels are above the viewport (negative: it begins below).

    `share` is the offset as a share of the height of the row, for when that height is about to change with the width.
    """

    index: int
    offset: int
    share: float | None = None


class _Page(QWidget):
    """The parent of all messages: opaque and never resized, so that Qt scrolls it by moving pixels, not by painting."""

    accessible_role = "List"

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.resize(_MAX_SIZE, _MAX_SIZE)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the background."""
        QPainter(self).fillRect(event.rect(), theme().color("page"))


class MessageList(QAbstractScrollArea):
    """Lays out and scrolls the rows. A subclass makes their widgets (`_make_widget`)."""

    zoom_requested = Signal(int)
    """Steps of the zoom, in (+) or out (-)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = RowLayout()
        self._lines: dict[int, LineKind] = {}  # message id -> hairline above it
        self._busy = False
        self._waits = False  # the last question waits, such as for a model
        self._quiet = False  # only what is read is shown, until the pointer or the focus asks for more
        self._stick = True  # the end is to stay visible
        self._own_scroll = False  # the value of the scroll bar is being set here, not by the reader
        self._last_value = 0
        self._width = 0
        self._rotation = 0  # of the wheel with Ctrl, in eighths of a degree, short of the next step of zoom
        # With a viewport made by Qt, `viewport` would have PySide6 set up every class of widget there is: 2 MB.
        self.setViewport(QWidget())
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
        self._idle.timeout.connect(self._make_next)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def scroll_to_end(self) -> None:
        """Scroll to the end, and keep it visible while the answer grows."""
        self._stick = True
        self._sync(None)

    def at_bottom(self) -> bool:
        """Whether the reader is at the end."""
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - AT_BOTTOM

    # Widgets for rows

    def _make_widget(self, row: MessageRow) -> MessageWidget:
        """Make the widget of a row, as a child of the page."""
        raise NotImplementedError

    def _widget_of(self, row: MessageRow) -> MessageWidget:
        """The widget of a row; made if it does not exist."""
        if row.widget is None:
            row.widget = self._make_widget(row)
            self._keep_order(row, row.widget)
            row.measured = False
            self._set_position(row)
            row.widget.show()
        return row.widget

    def _keep_order(self, row: MessageRow, widget: MessageWidget) -> None:
        """Put a new widget among its siblings: a screen reader reads them in the order of the page's children."""
        index = self._rows.index_of(row.message.id)
        if index is None:
            return
        below = next((later.widget for later in self._rows.rows[index + 1 :] if later.widget is not None), None)
        if below is not None:
            widget.stackUnder(below)

    def _drop(self, row: MessageRow) -> None:
        if row.widget is not None:
            row.widget.hide()
            row.widget.deleteLater()
            row.widget = None

    def _set_position(self, row: MessageRow) -> None:
        rows = self._rows.rows
        if row.widget is not None:
            line = self._lines.get(row.message.id, "")
            last = row is rows[-1] and not self._quiet
            row.widget.set_position(last=last, line=line, busy=self._busy or self._waits)

    def _measure(self, index: int) -> bool:
        """Lay out a row. Returns whether its height has changed."""
        return self._rows.set_height(index, self._widget_of(self._rows.rows[index]).arrange(self._column()))

    # Layout

    def _column(self) -> int:
        """The width of the column of messages in pixels."""
        look = theme()
        return max(120, min(themes().column, self.viewport().width() - 2 * look.px(_MARGIN)))

    def _estimate_heights(self) -> None:
        self._rows.estimate(self._column(), text_theme().font_size("body") * 1.7)

    def _value(self) -> int:
        """The y of the rows at the top of the viewport."""
        return self.verticalScrollBar().value() - theme().px(TOP_PAD)

    def _anchor(self, *, reflow: bool = False) -> Anchor | None:
        """The second visible row, if it begins in the upper half of the viewport; otherwise the first one.

        `reflow`: the width is about to change.
        """
        value, index = self._value(), self._rows.at(self._value())
        if index < 0:
            return None
        # The first row usually begins above the viewport, and its height may change there, by a line that is wrapped
        # otherwise: what is visible of it would move. A row that begins within the viewport has nothing above it.
        following = index + 1
        if following < len(self._rows) and self._rows.top(following) - value < self.viewport().height() // 2:
            return Anchor(following, value - self._rows.top(following))
        # In another width, a line that was at a third of the row's height is again at about a third of it.
        offset = value - self._rows.top(index)
        share = offset / max(1, self._rows.rows[index].height) if reflow and offset > 0 else None
        return Anchor(index, offset, share)

    def _wanted_value(self, anchor: Anchor | None) -> int:
        """The value of the scroll bar at which the anchor, or the end, is where it was."""
        end = max(0, self._content_height() - self.viewport().height())
        if self._stick or anchor is None or not self._rows.rows:
            return end
        index = min(anchor.index, len(self._rows) - 1)
        offset = anchor.offset
        if anchor.share is not None:
            offset = round(anchor.share * self._rows.rows[index].height)
        # A message that was folded may be shorter now than what of it was above the viewport.
        offset = min(offset, max(0, self._rows.rows[index].height - self.viewport().height() // 2))
        return max(0, min(end, self._rows.top(index) + offset + theme().px(TOP_PAD)))

    def _content_height(self) -> int:
        look = theme()
        progress = look.px(PROGRESS_HEIGHT) if self._progress.has_text else 0
        return look.px(TOP_PAD) + self._rows.total() + progress + look.px(_BOTTOM_PAD)

    def _sync(self, anchor: Anchor | None) -> None:
        """Make and measure the visible rows, place everything, and scroll to the anchor, or to the end."""
        if self._column() != self._width:
            self._width = self._column()
            self._rows.forget_heights()
            self._estimate_heights()
        for row in self._rows.rows:
            self._set_position(row)
        # Which rows are visible depends on their heights, which are known only when they have been visible.
        value = 0
        for _ in range(_MAX_ROUNDS):
            value = self._wanted_value(anchor)
            if not self._make_visible(value - theme().px(TOP_PAD)):
                break
        self._lay_out(value)
        self._drop_far_widgets()
        self._idle.start(0)

    def _make_visible(self, top: int) -> bool:
        """Make the widgets of the rows visible at `top`, and measure. Returns whether a height has changed."""
        if not self._rows.rows:
            return False
        changed = False
        visible = range(self._rows.at(top), self._rows.at(top + self.viewport().height()) + 1)
        for index, row in enumerate(self._rows.rows):
            if (index in visible and row.widget is None) or (row.widget is not None and not row.measured):
                changed |= self._measure(index)
        return changed

    def _lay_out(self, value: int) -> None:
        """Scroll to `value`, and move all widgets to where they belong."""
        look = theme()
        pad, viewport = look.px(TOP_PAD), self.viewport().height()
        left = (self.viewport().width() - self._width) // 2
        bar = self.verticalScrollBar()
        self._own_scroll = True
        bar.setRange(0, max(0, self._content_height() - viewport))
        bar.setPageStep(viewport)
        bar.setSingleStep(look.px(40))
        # First scroll, then resize: Qt scrolls by moving pixels only while none of them has to be painted again.
        bar.setValue(value)
        self._last_value = bar.value()
        self._own_scroll = False
        for index, row in enumerate(self._rows.rows):
            if row.widget is not None:
                row.widget.settle()
                row.widget.move(left - look.px(SIDE), self._rows.top(index) + pad)
        self._progress.setVisible(self._progress.has_text)
        self._progress.setGeometry(QRect(left, self._rows.total() + pad, self._width, look.px(PROGRESS_HEIGHT)))
        self._update_end_button()

    def _grow(self, index: int) -> None:
        """Lay out one row that has grown while streaming: `_sync` for it alone, so that the cost is that of one row."""
        anchor = self._anchor()
        if self._measure(index):
            self._lay_out(self._wanted_value(anchor))
        else:
            self._widget_of(self._rows.rows[index]).settle()

    def _drop_far_widgets(self) -> None:
        """Delete widgets far from the viewport, but none that streams, has an editor, or has the focus."""
        if sum(row.widget is not None for row in self._rows.rows) <= _MAX_WIDGETS:
            return
        value, viewport = self._value(), self.viewport().height()
        near = range(self._rows.at(value - 3 * viewport), self._rows.at(value + 4 * viewport) + 1)
        focus = QApplication.focusWidget()
        for index, row in enumerate(self._rows.rows):
            widget = row.widget
            if widget is None or index in near or row.message.status == "streaming" or widget.editor is not None:
                continue
            if focus is None or not widget.isAncestorOf(focus):
                self._drop(row)

    def _make_next(self) -> None:
        """In an idle moment: make the widget of one more row near the viewport, the nearest first."""
        if not self._rows.rows:
            return
        value, reach = self._value(), int(self.viewport().height() * (1 + _AHEAD))
        near = range(self._rows.at(value - reach), self._rows.at(value + reach) + 1)
        for index in sorted(near, key=lambda i: abs(self._rows.top(i) - value)):
            if self._rows.rows[index].widget is None:
                anchor = self._anchor()
                self._measure(index)
                self._sync(anchor)  # which starts the timer again, until there is nothing left to make
                return

    # Scrolling

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl and the wheel zoom; the wheel alone scrolls."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._rotation = 0
            super().wheelEvent(event)
            return
        self._rotation += event.angleDelta().y()
        steps = int(self._rotation / _NOTCH)
        self._rotation -= steps * _NOTCH
        if steps:
            self.zoom_requested.emit(steps)
        event.accept()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move the page under the viewport."""
        del dx, dy
        # Qt copies the pixels of an opaque widget that is moved, and paints only what comes into view.
        self._page.move(0, -self.verticalScrollBar().value())

    def _scrolled(self, value: int) -> None:
        if self._own_scroll:
            return
        # A touchpad scrolls a few pixels at a time, which would still be "at the end": any scrolling upwards stops
        # following the end.
        self._stick = self.at_bottom() and value >= self._last_value
        self._sync(self._anchor())

    def _update_end_button(self) -> None:
        bar = self.verticalScrollBar()
        away = bar.maximum() - bar.value()
        self._to_end.setVisible(away > AT_BOTTOM and (self._busy or away > self.viewport().height()))

    def _drag_scroll(self, at: QPoint) -> None:
        """Scroll while a selection is dragged beyond the viewport; `at` is the pointer in global coordinates."""
        y, viewport = self.viewport().mapFromGlobal(at).y(), self.viewport().height()
        step = max(-40, y) if y < 0 else min(40, y - viewport) if y > viewport else 0
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + step)

    def _bring_into_view(self, top: int, bottom: int) -> None:
        """Scroll no further than needed to see the page from `top` to `bottom`, with a margin."""
        bar, margin = self.verticalScrollBar(), theme().px(32)
        if top - margin < bar.value():
            bar.setValue(top - margin)
        elif bottom + margin > bar.value() + self.viewport().height():
            bar.setValue(bottom + margin - self.viewport().height())

    def _place_end_button(self) -> None:
        side = theme().px(36)
        self._to_end.setFixedSize(side, side)
        middle = self.viewport().width() // 2
        self._to_end.move(middle - side // 2, self.height() - side - theme().px(12))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out for another width, at the same message."""
        anchor = self._anchor(reflow=True)
        super().resizeEvent(event)
        self._place_end_button()
        self._sync(anchor)
