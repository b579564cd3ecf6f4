"""The scroll bars under tables and code that are wider than the page: for pointer, wheel and keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QScrollBar, QWidget

from desktop.ui.style.theme import theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.extent import BAR_HEIGHT, Extent, Scrollable
from desktop.ui.transcript.document.render import DocumentRenderer
from desktop.ui.transcript.markdown.blocks import Code, runs_right_to_left


class SideBar(QScrollBar):
    """Scrolls one block sideways: `moved` carries the pixels. The keys ←, → are the usual ones.

    `area` is where the block is seen, in pixels of the message.
    """

    moved = Signal(int)

    def __init__(self, parent: QWidget, name: Callable[[], str]) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._name = name
        self.area = QRect()
        self.setObjectName("side-bar")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        # Laying out a large table takes a moment: at most one in a turn of the event loop.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(lambda: self.moved.emit(self.value()))
        self.valueChanged.connect(lambda: self._soon.start(0))
        self.retranslate()

    def fit(self, extent: Extent, box: QRectF) -> None:
        """Stand at the lower end of the `box` of a block."""
        height = theme().px(BAR_HEIGHT)
        top, bottom = int(box.top()), int(box.bottom())
        self.area = QRect(extent.left - extent.pad, top, extent.room + 2 * extent.pad, bottom - top)
        self.setGeometry(extent.left, bottom - height, extent.room, height)
        self.setRange(0, max(0, extent.width - extent.room))
        self.setPageStep(extent.room)
        self.setSingleStep(theme().px(40))

    def settle(self) -> None:
        """Say at once what would be said in the next turn of the event loop."""
        if self._soon.isActive():
            self._soon.stop()
            self.moved.emit(self.value())

    def reveal(self, x: int) -> None:
        """Scroll as far as it takes to see what stands at `x` of the message."""
        room = self.geometry()
        if x < room.left():
            self.setValue(self.value() - (room.left() - x))
        elif x > room.right():
            self.setValue(self.value() + (x - room.right()))

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
        self.setAccessibleName(self._name())

    def discard(self) -> None:
        """The block is gone, or has room."""
        self._soon.stop()
        self.hide()
        self.deleteLater()


class SideBars:
    """The bars of one document: made, placed and taken away as its blocks need them.

    Args:
        moved: called after a block was scrolled.
    """

    def __init__(self, renderer: DocumentRenderer, parent: QWidget, moved: Callable[[], object]) -> None:
        self._renderer, self._parent, self._moved = renderer, parent, moved
        self._bars: dict[int, SideBar] = {}

    def all(self) -> list[SideBar]:
        """From top to bottom."""
        return [self._bars[index] for index in sorted(self._bars)]

    def of(self, index: int) -> SideBar | None:
        """The bar of a block that is wider than the page."""
        return self._bars.get(index)

    def forget(self, first: int) -> None:
        """The blocks from `first` on are gone or were made anew."""
        for index in [i for i in self._bars if i >= first]:
            self._bars.pop(index).discard()

    def place(self, box: Callable[[int], QRectF], first: int = 0) -> None:
        """Put a bar under each block from `first` on that needs one. `box` gives the place of a block."""
        wide: dict[int, Extent] = {}
        for index in (*self._renderer.tables.since(first), *self._renderer.code.since(first)):
            extent = self._kind_of(index).extent(index)
            if extent.is_wide:
                wide[index] = extent
        for index in [i for i in self._bars if i >= first and i not in wide]:
            self._bars.pop(index).discard()
            self._shift(index, 0)
        for index, extent in wide.items():
            self._place(index, extent, box(index))

    def turn(self, event: QWheelEvent) -> bool:
        """Scroll the block under the pointer by a wheel that turns sideways, or with Shift. False: it is not meant."""
        turned, at = event.angleDelta(), QPointF(event.position()).toPoint()
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        step = turned.x() or (turned.y() if shift else 0)
        if not step or abs(step) < abs(turned.y()):
            return False
        for bar in self._bars.values():
            if bar.area.top() <= at.y() <= bar.area.bottom():
                bar.setValue(bar.value() - step)
                return True
        return False

    def bands(self, clip: QRect) -> Iterator[QRect]:
        """`clip` from top to bottom, without what lies beside wide blocks: their text must not be painted there."""
        top, rest = clip.top(), clip.bottom() + 1
        for bar in self.all():
            area = bar.area & clip
            if not area.isEmpty():
                if area.top() > top:
                    yield QRect(clip.left(), top, clip.width(), area.top() - top)
                yield area
                top = area.bottom() + 1
        if top < rest:
            yield QRect(clip.left(), top, clip.width(), rest - top)

    def _place(self, index: int, extent: Extent, box: QRectF) -> None:
        block = self._renderer.blocks[index]
        bar = self._bars.get(index)
        is_new = bar is None
        if bar is None:
            name = labels.scroll_code if isinstance(block, Code) else labels.scroll_table
            bar = self._bars[index] = SideBar(self._parent, name)
            bar.moved.connect(partial(self._shift, index))
            bar.show()
        bar.fit(extent, box)
        if is_new and runs_right_to_left(block):
            bar.setValue(bar.maximum())

    def _shift(self, index: int, pixels: int) -> None:
        self._kind_of(index).shift(index, pixels)
        self._moved()

    def _kind_of(self, index: int) -> Scrollable:
        return self._renderer.code if isinstance(self._renderer.blocks[index], Code) else self._renderer.tables
