"""The scroll bars under tables that are wider than the page: for pointer, wheel and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QScrollBar, QWidget

from desktop.ui.theme import theme
from desktop.ui.transcript import words
from desktop.ui.transcript.blocks import runs_right_to_left
from desktop.ui.transcript.render import Renderer
from desktop.ui.transcript.tables import BAR_HEIGHT


class TableBar(QScrollBar):
    """Scrolls one table sideways: `moved` carries the pixels. The keys ←, → are the usual ones."""

    moved = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("table-bar")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        # Laying out a large table takes a moment: at most one in a turn of the event loop.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(lambda: self.moved.emit(self.value()))
        self.valueChanged.connect(lambda: self._soon.start(0))
        self.retranslate()

    def fit(self, left: int, top: int, room: int, width: int) -> None:
        """Stand under a table of `width` of which `room` pixels are in sight."""
        self.setGeometry(left, top, room, theme().px(BAR_HEIGHT))
        self.setRange(0, max(0, width - room))
        self.setPageStep(room)
        self.setSingleStep(theme().px(40))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """← and →; what else a scroll bar knows scrolls the transcript."""
        action = {
            Qt.Key.Key_Left: self.SliderAction.SliderSingleStepSub,
            Qt.Key.Key_Right: self.SliderAction.SliderSingleStepAdd,
        }.get(Qt.Key(event.key()))
        if action is None:
            event.ignore()
        else:
            self.triggerAction(action)

    def retranslate(self) -> None:
        """Its name in the present language."""
        self.setAccessibleName(words.scroll_table())


class TableBars:
    """The bars of one document: made, placed and taken away as its tables need them.

    Args:
        moved: called after a table was scrolled.
    """

    def __init__(self, renderer: Renderer, parent: QWidget, moved: Callable[[], object]) -> None:
        self._renderer, self._parent, self._moved = renderer, parent, moved
        self._bars: dict[int, TableBar] = {}

    def all(self) -> list[TableBar]:
        """From top to bottom."""
        return [self._bars[index] for index in sorted(self._bars)]

    def place(self, box: Callable[[int], QRectF]) -> None:
        """Put a bar under each table that needs one. `box` gives the place of a block."""
        tables = self._renderer.tables
        widths = {index: tables.width(index) for index in tables.indexes}
        for index in [i for i in self._bars if not widths.get(i, (0, 0))[0]]:
            bar = self._bars.pop(index)
            bar.hide()
            bar.deleteLater()
        for index, (width, room) in widths.items():
            if width:
                self._place(index, box(index), width, room)

    def turn(self, event: QWheelEvent, box: Callable[[int], QRectF]) -> bool:
        """Scroll the table under the pointer by a wheel that turns sideways, or with Shift. False: it is not meant."""
        turned, at = event.angleDelta(), QPointF(event.position())
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        step = turned.x() or (turned.y() if shift else 0)
        if not step or abs(step) < abs(turned.y()):
            return False
        for index, bar in self._bars.items():
            if box(index).top() <= at.y() <= box(index).bottom():
                bar.setValue(bar.value() - step)
                return True
        return False

    def _place(self, index: int, box: QRectF, width: int, room: int) -> None:
        block = self._renderer.blocks[index]
        bar = self._bars.get(index)
        is_new = bar is None
        if bar is None:
            bar = self._bars[index] = TableBar(self._parent)
            bar.moved.connect(partial(self._shift, index))
            bar.show()
        top = int(box.bottom()) - theme().px(BAR_HEIGHT)
        bar.fit(self._renderer.style.indent(block.containers), top, room, width)
        if is_new and runs_right_to_left(block):
            bar.setValue(bar.maximum())

    def _shift(self, index: int, pixels: int) -> None:
        self._renderer.tables.shift(index, pixels)
        self._moved()
