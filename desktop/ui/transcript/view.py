"""The transcript: a column of messages that stays where the reader is, and follows an answer while it is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QAbstractSlider, QApplication, QFrame, QWidget

from desktop.ui.controls import IconButton
from desktop.ui.theme import theme, themes
from desktop.ui.transcript import words
from desktop.ui.transcript.markdown import warm_up
from desktop.ui.transcript.message import MessageWidget
from desktop.ui.transcript.progress import HEIGHT as PROGRESS_HEIGHT
from desktop.ui.transcript.progress import ProgressLine
from desktop.ui.transcript.rows import Row, Rows
from desktop.ui.transcript.stream import StreamBuffer

if TYPE_CHECKING:
    from desktop.store.records import Message

_AT_BOTTOM = 24
"""Pixels from the end that still count as being there."""
_AHEAD = 1.0
"""Windows above and below the visible one that are made ready in idle moments."""
_KEPT_WIDGETS = 40
_TOP_PAD, _BOTTOM_PAD = 24, 16
_SIDE = 24
_ENDLESS = (1 << 24) - 1
"""The largest size of a widget."""


class _Page(QWidget):
    """What the messages lie on: opaque and never resized, so that scrolling moves pixels instead of painting them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.resize(_ENDLESS, _ENDLESS)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paper."""
        QPainter(self).fillRect(event.rect(), theme().color("page"))


class TranscriptView(QAbstractScrollArea):
    """Shows the active path of a conversation. See the signals for what a person can ask for."""

    regenerate_requested = Signal(int)
    edit_submitted = Signal(int, str)
    version_requested = Signal(int, int)
    """Message id, step: -1 or +1."""
    continue_requested = Signal(int)
    at_bottom_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = Rows()
        self._context_start: int | None = None
        self._busy = False
        self._stick = True
        self._own_scroll = False
        self._width = 0
        self._page = _Page(self.viewport())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._progress = ProgressLine(self._page)
        self._to_end = IconButton("arrow-down", kind="round", parent=self)
        self._to_end.setObjectName("to-end")
        self._to_end.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._to_end.clicked.connect(self.scroll_to_end)
        self._to_end.hide()
        self._stream = StreamBuffer(self)
        self._stream.flushed.connect(self._write)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.timeout.connect(self._make_ahead)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        themes().changed.connect(self._restyle)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_moved)
        self._retranslate()

    # What is shown

    def set_path(
        self, messages: Sequence[Message], *, context_start: int | None, keep_position: bool = False
    ) -> None:
        """Show these messages. `context_start` is the first one that the model still sees (None: all).

        With `keep_position` the reader stays where they are as far as that place still exists (an edit, another
        version); otherwise the end is shown.
        """
        self._stream.flush()
        anchor = self._anchor() if keep_position else None
        focus = self._focused()
        old = {row.message.id: row for row in self._rows.rows}
        rows = []
        for message in messages:
            row = old.pop(message.id, None)
            if row is None:
                row = Row(message)
            elif row.message != message:
                row.message = message
                if row.widget is not None:
                    row.widget.set_message(message)
            rows.append(row)
        self._rows.set(rows)
        self._context_start = context_start
        for gone in old.values():
            self._drop(gone)
        self._stick = anchor is None or anchor[0] < 0
        self._rows.guess(self._column(), self._line_height())
        self._sync(anchor)
        self._give_focus_back(focus)

    def append(self, message: Message) -> None:
        """One more message at the end. Your own brings you to the end, an answer does not."""
        self._stream.flush()
        anchor = self._anchor()
        self._rows.add(Row(message))
        self._rows.guess(self._column(), self._line_height())
        if message.role == "user":
            self._stick = True
        self._sync(anchor)

    def update_message(self, message: Message) -> None:
        """Text, state or figures of a message have changed."""
        self._stream.flush()
        index = self._rows.index_of(message.id)
        if index is None:
            return
        row = self._rows.rows[index]
        row.message = message
        if row.widget is None:
            row.measured = False
        else:
            row.widget.set_message(message)
        self._sync(self._anchor())

    def append_text(self, message_id: int, text: str) -> None:
        """More of an answer; shown together with what else comes within a few hundredths of a second."""
        self._stream.add(message_id, text)

    def set_busy(self, busy: bool) -> None:
        """While an answer is being made nothing can be edited or answered again."""
        if busy:
            warm_up()
        self._busy = busy
        for row in self._rows.rows:
            self._place(row)
        self._sync(self._anchor())

    def set_prefill(self, percent: int | None, seconds_left: float | None) -> None:
        """Progress of reading the prompt under the last question; None when it is over."""
        self._progress.set_prefill(percent, seconds_left)
        self._sync(self._anchor())

    def set_waiting(self, waiting: bool) -> None:
        """Whether the last question waits for the model to be loaded."""
        self._progress.set_waiting(waiting)
        self._sync(self._anchor())

    def clear(self) -> None:
        """Show nothing."""
        self._progress.set_prefill(None, None)
        self._progress.set_waiting(False)
        self.set_path([], context_start=None)

    # Going places

    def scroll_to_end(self) -> None:
        """Go to the end and follow what is being written."""
        self._stick = True
        self._sync(None)

    def scroll_to_message(self, message_id: int) -> None:
        """Bring a message to the top of the window."""
        index = self._rows.index_of(message_id)
        if index is not None:
            self._stick = False
            self._sync((index, -theme().px(_TOP_PAD)))

    def highlight(self, message_id: int, query: str) -> None:
        """Bring a search hit into sight: every word of the query is marked in that message. Empty: no marks."""
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.mark(())
        index = self._rows.index_of(message_id)
        if index is None or not query.split():
            return
        self.scroll_to_message(message_id)
        widget = self._rows.rows[index].widget
        if widget is not None:
            y = widget.mark(query.split())
            self._measure(index)
            self._sync((index, (y or 0) - self.viewport().height() // 3))

    def focus_message(self, step: int) -> None:
        """Move the keyboard to the next (+1) or previous (-1) message; without one in focus, to the last or first seen."""
        if not self._rows.rows:
            return
        current = self._focused_index()
        if current is not None:
            index = max(0, min(len(self._rows) - 1, current + step))
        else:
            index = len(self._rows) - 1 if step < 0 else self._rows.at(self._value())
        self._focus(index)

    def copy_last_answer(self) -> bool:
        """Put the last answer on the clipboard; false when there is none."""
        for row in reversed(self._rows.rows):
            if row.message.role == "assistant" and row.message.text:
                self._ready(row)
                assert row.widget is not None
                row.widget.copy()
                return True
        return False

    def at_bottom(self) -> bool:
        """Whether the reader is at the end."""
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - _AT_BOTTOM

    def message_widget(self, message_id: int) -> MessageWidget | None:
        """The widget of a message; made if need be."""
        index = self._rows.index_of(message_id)
        if index is None:
            return None
        self._ready(self._rows.rows[index])
        self._sync(self._anchor())
        return self._rows.rows[index].widget

    def messages(self) -> list[Message]:
        """What is shown, with the text as far as it has come."""
        self._stream.flush()
        return [row.message for row in self._rows.rows]

    # Widgets for rows

    def _ready(self, row: Row) -> None:
        if row.widget is not None:
            return
        widget = MessageWidget(row.message, self._page)
        row.widget = widget
        widget.height_changed.connect(lambda: self._grown(widget))
        widget.chosen.connect(lambda name: self._act(widget, name))
        widget.edited.connect(lambda text: self.edit_submitted.emit(widget.message.id, text))
        widget.text.dragged_to.connect(self._drag_scroll)
        widget.text.caret_moved.connect(lambda: self._show_caret(widget))
        self._place(row)
        row.measured = False
        widget.show()

    def _drop(self, row: Row) -> None:
        if row.widget is not None:
            row.widget.hide()
            row.widget.deleteLater()
            row.widget = None

    def _place(self, row: Row) -> None:
        if row.widget is not None:
            row.widget.set_place(
                last=row is self._rows.rows[-1], cut=row.message.id == self._context_start and row is not self._rows.rows[0],
                busy=self._busy,
            )

    def _measure(self, index: int) -> bool:
        row = self._rows.rows[index]
        assert row.widget is not None
        return self._rows.set_height(index, row.widget.arrange(self._column()))

    # Layout

    def _column(self) -> int:
        look = theme()
        return max(120, min(look.shape("column"), self.viewport().width() - 2 * look.px(_SIDE)))

    def _line_height(self) -> float:
        return theme().font_size("body") * 1.7

    def _value(self) -> int:
        return self.verticalScrollBar().value() - theme().px(_TOP_PAD)

    def _anchor(self) -> tuple[int, int]:
        """The row at the top of the window, and how far it is scrolled out."""
        index = self._rows.at(self._value())
        return (index, self._value() - self._rows.top(index)) if index >= 0 else (-1, 0)

    def _sync(self, anchor: tuple[int, int] | None) -> None:
        """Make what is in sight, put everything in its place, and keep the reader's."""
        look = theme()
        width = self._column()
        if width != self._width:
            self._width = width
            self._rows.forget_heights()
            self._rows.guess(width, self._line_height())
        high = self.viewport().height()
        for row in self._rows.rows:
            self._place(row)
        y = 0
        for _ in range(12):
            y = self._wanted_value(anchor, high)
            changed = self._make(y - look.px(_TOP_PAD), y - look.px(_TOP_PAD) + high)
            for index, row in enumerate(self._rows.rows):
                if row.widget is not None and not row.measured:
                    changed |= self._measure(index)
            if not changed:
                break
        self._lay_out(width, y)
        self._let_go(y, high)
        self._idle.start(0)

    def _wanted_value(self, anchor: tuple[int, int] | None, high: int) -> int:
        total = self._content_height()
        if self._stick or anchor is None or anchor[0] < 0:
            return max(0, total - high)
        index = min(anchor[0], len(self._rows) - 1)
        return max(0, min(total - high, self._rows.top(index) + anchor[1] + theme().px(_TOP_PAD)))

    def _content_height(self) -> int:
        look = theme()
        progress = look.px(PROGRESS_HEIGHT) if self._progress.wanted else 0
        return look.px(_TOP_PAD) + self._rows.total() + progress + look.px(_BOTTOM_PAD)

    def _make(self, top: int, bottom: int) -> bool:
        """Make and measure the rows between two heights. Returns whether a height turned out differently."""
        if not self._rows.rows:
            return False
        changed = False
        for index in range(self._rows.at(top), self._rows.at(bottom) + 1):
            row = self._rows.rows[index]
            self._ready(row)
            if not row.measured:
                changed |= self._measure(index)
        return changed

    def _lay_out(self, width: int, value: int) -> None:
        look = theme()
        pad, high = look.px(_TOP_PAD), self.viewport().height()
        left = (self.viewport().width() - width) // 2
        bar = self.verticalScrollBar()
        self._own_scroll = True
        bar.setRange(0, max(0, self._content_height() - high))
        bar.setPageStep(high)
        bar.setSingleStep(look.px(40))
        # First scroll, then resize: Qt moves pixels only while none of them is to be painted anew.
        bar.setValue(value)
        self._own_scroll = False
        for index, row in enumerate(self._rows.rows):
            if row.widget is not None:
                row.widget.settle()
                row.widget.move(left, self._rows.top(index) + pad)
        self._progress.setVisible(self._progress.wanted)
        self._progress.setGeometry(QRect(left, self._rows.total() + pad, width, look.px(PROGRESS_HEIGHT)))
        self._show_button()

    def _let_go(self, value: int, high: int) -> None:
        """Free widgets far from the window, but never one in use."""
        made = [row for row in self._rows.rows if row.widget is not None]
        if len(made) <= _KEPT_WIDGETS:
            return
        near = range(self._rows.at(value - 3 * high), self._rows.at(value + 4 * high) + 1)
        for index, row in enumerate(self._rows.rows):
            widget = row.widget
            if widget is None or index in near or row.message.status == "streaming":
                continue
            if widget.editor is None and not widget.isAncestorOf(QApplication.focusWidget() or self):
                self._drop(row)

    def _make_ahead(self) -> None:
        """In an idle moment: one row more above or below the window."""
        if not self._rows.rows:
            return
        high = int(self.viewport().height() * (1 + _AHEAD))
        value = self._value()
        window = range(self._rows.at(value - high), self._rows.at(value + 2 * high) + 1)
        for index in sorted(window, key=lambda i: abs(self._rows.top(i) - value)):
            if self._rows.rows[index].widget is None:
                anchor = self._anchor()
                self._ready(self._rows.rows[index])
                self._measure(index)
                self._sync(anchor)
                return

    # Following

    def _write(self, message_id: int, text: str) -> None:
        index = self._rows.index_of(message_id)
        if index is None:
            return
        row = self._rows.rows[index]
        row.message = replace(row.message, text=row.message.text + text)
        if row.widget is None:
            row.measured = False
            return
        anchor = self._anchor()
        row.widget.append(text)
        row.widget.message = row.message
        if self._measure(index):
            self._lay_out(self._width, self._wanted_value(anchor, self.viewport().height()))

    def _grown(self, widget: MessageWidget) -> None:
        index = self._rows.index_of(widget.message.id)
        if index is not None and self._rows.rows[index].widget is widget:
            anchor = self._anchor()
            self._measure(index)
            self._sync(anchor)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move the page under the window."""
        del dx, dy
        self._page.move(0, -self.verticalScrollBar().value())

    def _scrolled(self) -> None:
        if self._own_scroll:
            return
        self._stick = self.at_bottom()
        self._sync(self._anchor())

    def _show_button(self) -> None:
        bar = self.verticalScrollBar()
        away = bar.maximum() - bar.value()
        wanted = away > _AT_BOTTOM and (self._busy or away > self.viewport().height())
        if wanted != self._to_end.isVisibleTo(self):
            self._to_end.setVisible(wanted)
        if self.property("at-bottom") != self.at_bottom():
            self.setProperty("at-bottom", self.at_bottom())
            self.at_bottom_changed.emit(self.at_bottom())

    def _drag_scroll(self, at: QPoint) -> None:
        y = self.viewport().mapFromGlobal(at).y()
        bar = self.verticalScrollBar()
        if y < 0:
            bar.setValue(bar.value() + max(-40, y))
        elif y > self.viewport().height():
            bar.setValue(bar.value() + min(40, y - self.viewport().height()))

    def _show_caret(self, widget: MessageWidget) -> None:
        at = widget.text.cursorRect().center()
        place = widget.text.viewport().mapTo(self._page, at)
        self._bring_into_view(place.y(), place.y())

    # Keyboard

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the messages in the order of reading, then out."""
        focus = QApplication.focusWidget()
        index = self._focused_index()
        if index is None or focus is None:
            if forward and focus is self and self._rows.rows:
                self._focus(max(0, self._rows.at(self._value())))
                return True
            return self._leave(forward)
        widget = self._rows.rows[index].widget
        assert widget is not None
        stops = widget.stops()
        place = stops.index(focus) if focus in stops else 0
        place += 1 if forward else -1
        if 0 <= place < len(stops):
            return self._take_focus(stops[place], forward)
        index += 1 if forward else -1
        if not 0 <= index < len(self._rows):
            return self._leave(forward)
        self._reveal(index)
        following = self._rows.rows[index].widget
        assert following is not None
        return self._take_focus(following.stops()[0 if forward else -1], forward)

    def _take_focus(self, widget: QWidget, forward: bool) -> bool:
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        widget.setFocus(reason)
        top = widget.mapTo(self._page, QPoint(0, 0)).y()
        if widget.height() < self.viewport().height():
            self._bring_into_view(top, top + widget.height())
        return True

    def _bring_into_view(self, top: int, bottom: int) -> None:
        """Scroll as little as needed to see a stretch of the page with some room around it."""
        bar, margin = self.verticalScrollBar(), theme().px(32)
        if top - margin < bar.value():
            bar.setValue(top - margin)
        elif bottom + margin > bar.value() + self.viewport().height():
            bar.setValue(bottom + margin - self.viewport().height())

    def _leave(self, forward: bool) -> bool:
        """Give the focus to the nearest control outside."""
        widget: QWidget = self
        while True:
            widget = widget.nextInFocusChain() if forward else widget.previousInFocusChain()
            if widget is self or widget is None:
                return False
            fits = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled() and widget.isVisible()
            if fits and not self.isAncestorOf(widget) and widget.window() is self.window():
                reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
                widget.setFocus(reason)
                return True

    def focusInEvent(self, event: QFocusEvent) -> None:
        """From behind one comes to the last message first."""
        super().focusInEvent(event)
        if event.reason() == Qt.FocusReason.BacktabFocusReason and self._rows.rows:
            self._focus(len(self._rows) - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Alt+Up and Alt+Down go from message to message; Escape takes the marks of a search away."""
        alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
        if alt and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.focus_message(1 if event.key() == Qt.Key.Key_Down else -1)
        elif event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            down = event.key() == Qt.Key.Key_PageDown
            action = QAbstractSlider.SliderAction
            self.verticalScrollBar().triggerAction(
                action.SliderPageStepAdd if down else action.SliderPageStepSub
            )
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        elif event.key() == Qt.Key.Key_Home:
            self.verticalScrollBar().setValue(0)
        else:
            super().keyPressEvent(event)

    def _focus(self, index: int) -> None:
        self._reveal(index)
        widget = self._rows.rows[index].widget
        assert widget is not None
        target = widget.editor.field if widget.editor is not None else widget.text
        target.setFocus(Qt.FocusReason.TabFocusReason)

    def _reveal(self, index: int) -> None:
        """Bring a row into sight: its end when it lies above, its beginning when it lies below."""
        self._ready(self._rows.rows[index])
        self._measure(index)
        top, height, high = self._rows.top(index), self._rows.rows[index].height, self.viewport().height()
        value = self._value()
        if top >= value and top + height <= value + high:
            self._sync(self._anchor())
            return
        self._stick = False
        offset = height - high if top < value and height > high else -theme().px(_TOP_PAD)
        self._sync((index, offset))
        self._stick = self.at_bottom()

    def _focused_index(self) -> int | None:
        focus = QApplication.focusWidget()
        if focus is None or not self._page.isAncestorOf(focus):
            return None
        for index, row in enumerate(self._rows.rows):
            if row.widget is not None and row.widget.isAncestorOf(focus):
                return index
        return None

    def _focused(self) -> tuple[int, str] | None:
        index = self._focused_index()
        focus = QApplication.focusWidget()
        return None if index is None or focus is None else (index, focus.objectName())

    def _give_focus_back(self, place: tuple[int, str] | None) -> None:
        """After another version has come the keyboard is where it was, on the same button."""
        if place is None or self._focused_index() is not None or not self._rows.rows:
            return
        index, name = min(place[0], len(self._rows) - 1), place[1]
        row = self._rows.rows[index]
        self._ready(row)
        assert row.widget is not None
        stops = row.widget.stops()
        same = [stop for stop in stops if name and stop.objectName() == name]
        (same or stops)[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _focus_moved(self, old: QWidget | None, new: QWidget | None) -> None:
        for row in self._rows.rows:
            if row.widget is None:
                continue
            had = old is not None and row.widget.isAncestorOf(old)
            has = new is not None and row.widget.isAncestorOf(new)
            if had != has:
                row.widget.set_active(has or row.widget.underMouse())

    # Asking

    def _act(self, widget: MessageWidget, name: str) -> None:
        message_id = widget.message.id
        match name:
            case "copy":
                widget.copy()
            case "regenerate":
                self.regenerate_requested.emit(message_id)
            case "previous":
                self.version_requested.emit(message_id, -1)
            case "next":
                self.version_requested.emit(message_id, 1)
            case "continue":
                self.continue_requested.emit(message_id)

    # Look and language

    def _restyle(self) -> None:
        anchor = self._anchor()
        self._width = 0
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.restyle()
        self._progress.refresh()
        self._put_button()
        self._sync(anchor)

    def _retranslate(self) -> None:
        self.setAccessibleName(words.transcript_name())
        self._to_end.name(words.to_the_end())
        self._progress.refresh()
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.retranslate()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._retranslate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width: other heights, the same place."""
        anchor = self._anchor()
        super().resizeEvent(event)
        self._put_button()
        self._sync(anchor)

    def _put_button(self) -> None:
        side = theme().px(36)
        self._to_end.setFixedSize(side, side)
        middle = self.viewport().width() // 2
        self._to_end.move(middle - side // 2, self.height() - side - theme().px(12))


