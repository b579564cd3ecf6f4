"""The scroll bars under tables and code that are wider than the page, for mouse, wheel and keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QScrollBar, QWidget

from desktop.ui.style.theme import text_theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.extent import BAR_HEIGHT, Extent, Scrollable
from desktop.ui.transcript.document.render import DocumentRenderer
from desktop.ui.transcript.markdown.blocks import Code, runs_right_to_left


class SideBar(QScrollBar):
    """The scroll bar of one block; `moved` carries the pixels that are out of sight at the left.

    `area` is the rectangle in which the block is visible, in pixels of the message.
    """

    moved = Signal(int)

    def __init__(self, parent: QWidget, name: Callable[[], str]) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._name = name
        self.area = QRect()
        self.setObjectName("side-bar")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        # A scrolled table is laid out again, which is slow for a large one: at most once in a turn of the event loop.
        self._delayed = QTimer(self)
        self._delayed.setSingleShot(True)
        self._delayed.timeout.connect(lambda: self.moved.emit(self.value()))
        self.valueChanged.connect(lambda: self._delayed.start(0))
        self.retranslate()

    def fit(self, extent: Extent, box: QRectF) -> None:
        """Take the range of a block, and a place at the lower end of its `box`."""
        height = text_theme().px(BAR_HEIGHT)
        top, bottom = int(box.top()), int(box.bottom())
        self.area = QRect(extent.left - extent.pad, top, extent.room + 2 * extent.pad, bottom - top)
        self.setGeometry(extent.left, bottom - height, extent.room, height)
        self.setRange(0, max(0, extent.width - extent.room))
        self.setPageStep(extent.room)
        self.setSingleStep(text_theme().px(40))

    def settle(self) -> None:
        """Emit a delayed `moved` now."""
        if self._delayed.isActive():
            self._delayed.stop()
            self.moved.emit(self.value())

    def reveal(self, x: int) -> None:
        """Scroll no further than needed to make `x` visible, a position in pixels of the message."""
        room = self.geometry()
        if x < room.left():
            self.setValue(self.value() - (room.left() - x))
        elif x > room.right():
            self.setValue(self.value() + (x - room.right()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """← and → scroll the block; the other keys of a scroll bar are left to the transcript."""
        action = {
            Qt.Key.Key_Left: self.SliderAction.SliderSingleStepSub,
            Qt.Key.Key_Right: self.SliderAction.SliderSingleStepAdd,
        }.get(Qt.Key(event.key()))
        if action is None:
            event.ignore()
        else:
            self.triggerAction(action)

    def retranslate(self) -> None:
        """Set the accessible name in the current language."""
        self.setAccessibleName(self._name())

    def discard(self) -> None:
        """Remove the bar: its block was removed, or fits the page."""
        self._delayed.stop()
        self.hide()
        self.deleteLater()


class SideBars:
    """The scroll bars of one document, made and removed as its blocks need them.

    Args:
        moved: called after a block was scrolled.
    """

    def __init__(self, renderer: DocumentRenderer, parent: QWidget, moved: Callable[[], object]) -> None:
        self._renderer, self._parent, self._moved = renderer, parent, moved
        self._bars: dict[int, SideBar] = {}

    def all(self) -> list[SideBar]:
        """The bars from top to bottom."""
        return [self._bars[index] for index in sorted(self._bars)]

    def of(self, index: int) -> SideBar | None:
        """The bar of a block; None for a block that fits the page."""
        return self._bars.get(index)

    def forget(self, first: int) -> None:
        """Remove the bars of the blocks from `first` on: these were removed or inserted anew."""
        for index in [i for i in self._bars if i >= first]:
            self._bars.pop(index).discard()

    def place(self, box: Callable[[int], QRectF], first: int = 0) -> None:
        """Put a bar under each block from `first` on that needs one. `box` returns the rectangle of a block."""
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
        """Scroll the block under the pointer by a wheel event that is horizontal or has Shift; false for all others."""
        delta, at = event.angleDelta(), QPointF(event.position()).toPoint()
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        step = delta.x() or (delta.y() if shift else 0)
        # A touchpad reports a little of both directions: the greater one counts.
        if not step or abs(step) < abs(delta.y()):
            return False
        for bar in self._bars.values():
            if bar.area.top() <= at.y() <= bar.area.bottom():
                bar.setValue(bar.value() - step)
                return True
        return False

    def bands(self, clip: QRect) -> Iterator[QRect]:
        """`clip` in parts, from top to bottom, without what is beside wide blocks: their text must not appear there."""
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
            bar.setValue(bar.maximum())  # its beginning is at the right

    def _shift(self, index: int, pixels: int) -> None:
        self._kind_of(index).shift(index, pixels)
        self._moved()

    def _kind_of(self, index: int) -> Scrollable:
        return self._renderer.code if isinstance(self._renderer.blocks[index], Code) else self._renderer.tables
