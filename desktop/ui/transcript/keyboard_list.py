"""The keyboard in the transcript: Tab goes through everything in reading order, Alt+↑/↓ from message to message.

Qt's tab order is the order in which widgets were created, and here they are created as one scrolls. So the widgets of
messages are excluded from it (their policy is `ClickFocus`), and this class decides where Tab leads.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractSlider, QApplication, QWidget

from desktop.ui.style.theme import theme
from desktop.ui.transcript.message_list import TOP_PAD, Anchor, MessageList


class KeyboardMessageList(MessageList):
    """A list of messages that can be used by keyboard."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # A message has no event for a focus that moves between its children, so the application's signal is followed.
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_changed)

    def focus_message(self, step: int) -> None:
        """Focus the next (+1) or previous (-1) message; from outside, the first visible or the last of all."""
        if not self._rows.rows:
            return
        current = self._focused_index()
        if current is not None:
            self._focus(max(0, min(len(self._rows) - 1, current + step)))
        else:
            self._focus(len(self._rows) - 1 if step < 0 else self._rows.at(self._value()))

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab: through the widgets of a message, then to the next message, at last out of the transcript."""
        # Qt asks the focused widget, and then its parents up to the window: all Tabs within messages arrive here.
        focus = QApplication.focusWidget()
        index = self._focused_index()
        if index is None or focus is None:
            if forward and focus is self and self._rows.rows:
                self._focus(max(0, self._rows.at(self._value())))
                return True
            return self._leave(forward=forward)
        stops = self._widget_of(self._rows.rows[index]).stops()
        stop = (stops.index(focus) if focus in stops else 0) + (1 if forward else -1)
        if not 0 <= stop < len(stops):
            index += 1 if forward else -1
            if not 0 <= index < len(self._rows):
                return self._leave(forward=forward)
            self._reveal(index)  # the widget of that row may not exist yet
            stops = self._widget_of(self._rows.rows[index]).stops()
            stop = 0 if forward else len(stops) - 1
        self._focus_widget(stops[stop], forward=forward)
        return True

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Shift+Tab from behind leads to the last message first, because that is the one to read."""
        super().focusInEvent(event)
        if event.reason() == Qt.FocusReason.BacktabFocusReason and self._rows.rows:
            self._focus(len(self._rows) - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Alt+↑/↓ between messages; the keys that scroll, which messages leave to the transcript."""
        bar, step = self.verticalScrollBar(), QAbstractSlider.SliderAction
        alt = event.modifiers() & Qt.KeyboardModifier.AltModifier
        match event.key():
            case Qt.Key.Key_Up | Qt.Key.Key_Down if alt:
                self.focus_message(1 if event.key() == Qt.Key.Key_Down else -1)
            case Qt.Key.Key_PageUp:
                bar.triggerAction(step.SliderPageStepSub)
            case Qt.Key.Key_PageDown:
                bar.triggerAction(step.SliderPageStepAdd)
            case Qt.Key.Key_Home:
                bar.setValue(0)
            case Qt.Key.Key_End:
                self.scroll_to_end()
            case _:
                super().keyPressEvent(event)

    def _focus_widget(self, widget: QWidget, *, forward: bool) -> None:
        widget.setFocus(_reason(forward=forward))
        top = widget.mapTo(self._page, QPoint(0, 0)).y()
        if widget.height() < self.viewport().height():
            self._bring_into_view(top, top + widget.height())

    def _leave(self, *, forward: bool) -> bool:
        """Give the focus to the next widget of Qt's tab order outside of the transcript."""
        widget: QWidget | None = self
        while widget is not None:
            widget = widget.nextInFocusChain() if forward else widget.previousInFocusChain()
            if widget is self or widget is None:
                break
            takes_tab = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled() and widget.isVisible()
            if takes_tab and not self.isAncestorOf(widget) and widget.window() is self.window():
                widget.setFocus(_reason(forward=forward))
                return True
        return False

    def _focus(self, index: int) -> None:
        self._reveal(index)
        widget = self._widget_of(self._rows.rows[index])
        target = widget.editor.field if widget.editor is not None else widget.text
        target.setFocus(Qt.FocusReason.TabFocusReason)

    def _reveal(self, index: int) -> None:
        """Scroll to a row: to its end when it is above the viewport, to its beginning when it is below."""
        self._measure(index)
        top, height, viewport = self._rows.top(index), self._rows.rows[index].height, self.viewport().height()
        value = self._value()
        if top >= value and top + height <= value + viewport:
            self._sync(self._anchor())
            return
        self._stick = False  # otherwise `_sync` would keep the end in sight
        offset = height - viewport if top < value and height > viewport else -theme().px(TOP_PAD)
        self._sync(Anchor(index, offset))
        self._stick = self.at_bottom()

    def _focused_index(self) -> int | None:
        focus = QApplication.focusWidget()
        if focus is None or not self._page.isAncestorOf(focus):
            return None
        for index, row in enumerate(self._rows.rows):
            if row.widget is not None and row.widget.isAncestorOf(focus):
                return index
        return None

    def _focused_control(self) -> tuple[int, str] | None:
        """(row, object name) of the widget in focus; None when it is outside of the messages."""
        index, focus = self._focused_index(), QApplication.focusWidget()
        return None if index is None or focus is None else (index, focus.objectName())

    def _restore_focus(self, control: tuple[int, str] | None) -> None:
        """Focus the same control as before in a row whose message was replaced, such as by another version."""
        if control is None or self._focused_index() is not None or not self._rows.rows:
            return
        index, name = min(control[0], len(self._rows) - 1), control[1]
        stops = self._widget_of(self._rows.rows[index]).stops()
        same = [stop for stop in stops if name and stop.objectName() == name]
        (same or stops)[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        for row in self._rows.rows:
            if row.widget is None:
                continue
            had = old is not None and row.widget.isAncestorOf(old)
            has = new is not None and row.widget.isAncestorOf(new)
            if had != has:
                row.widget.set_active(has or row.widget.underMouse())


def _reason(*, forward: bool) -> Qt.FocusReason:
    return Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
