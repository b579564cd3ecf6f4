"""The layout of the parts of a message, and what is painted around them.

A message is laid out in two steps: `arrange` computes all rectangles for a width, `settle` sets them. Between the two
the transcript is scrolled, because Qt can scroll by moving pixels only before the widgets on them are resized.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.style.theme import theme
from desktop.ui.transcript.message.actions import ActionBar
from desktop.ui.transcript.message.attached import HEIGHT as FILES_HEIGHT
from desktop.ui.transcript.message.attached import AttachedFiles
from desktop.ui.transcript.message.context_line import ContextLine
from desktop.ui.transcript.message.editor import Editor
from desktop.ui.transcript.message.end_note import HEIGHT as NOTE_HEIGHT
from desktop.ui.transcript.message.end_note import EndNote
from desktop.ui.transcript.message.text import MessageText
from desktop.ui.transcript.message.thought import Thought

if TYPE_CHECKING:
    from desktop.store.records import StoredMessage
    from desktop.ui.pictures.message_row import PictureRow
    from desktop.ui.transcript.message.sources import SourceList

_ACTIONS_HEIGHT = 30
_GAP_QUESTION, _GAP_ANSWER, _GAP_THOUGHT = 0, 6, 8
_CARD_PAD_X, _CARD_PAD_Y = 16, 11
_CARD_SHARE = 0.86
"""The greatest width of a card, as a share of the column."""

_LINE_HEIGHT = 48
SIDE = 8
"""Pixels at both sides and above for the focus ring; a message begins that much left of the column."""


class MessageFrame(QWidget):
    """The parts of a message and their layout. Most parts are made only when they are needed."""

    accessible_role = "ListItem"

    def __init__(self, message: StoredMessage, parent: QWidget) -> None:
        super().__init__(parent)
        # When the widget grows downwards, only its new part is painted.
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.message = message
        self.text = MessageText(self)
        self.text.ring_changed.connect(self.update)
        self._line: ContextLine | None = None
        self._actions: ActionBar | None = None
        self._editor: Editor | None = None
        self._unfold: QPushButton | None = None
        self._note: EndNote | None = None
        self._files = AttachedFiles(message.attachments, self) if message.attachments else None
        self._pictures = _pictures(message, self)
        self._thought: Thought | None = None
        self._sources: SourceList | None = None
        self._plan: dict[QWidget, QRect] = {}
        self._size = QSize()
        self._card, self._planned_card, self._bar_box = QRect(), QRect(), QRect()

    def arrange(self, width: int) -> int:
        """Plan the layout for a column of `width` pixels and return the height; `settle` applies it."""
        look = theme()
        side, pad = look.px(SIDE), look.px(_CARD_PAD_Y)
        self._plan.clear()
        self._planned_card = QRect()
        y = side
        if self._line is not None:
            self._plan[self._line] = QRect(side, side, width, look.px(_LINE_HEIGHT - 16))
            y += look.px(_LINE_HEIGHT)
        if self._editor is not None:
            height = self._editor.arrange(width - 2 * pad)
            self._plan[self._editor] = QRect(side + pad, y + pad, width - 2 * pad, height)
            self._planned_card = QRect(side, y, width, height + 2 * pad)
            y += height + 2 * pad
        elif self.message.role == "user":
            y = self._arrange_card(y, width)
        else:
            y = self._arrange_answer(y, width)
        if self._pictures is not None:
            height = self._pictures.arrange(width)
            self._plan[self._pictures] = QRect(side, y + look.px(8), width, height)
            y += look.px(8) + height
        if self._files is not None:
            self._plan[self._files] = QRect(side, y + look.px(2), width, look.px(FILES_HEIGHT))
            y += look.px(2 + FILES_HEIGHT)
        if self._note is not None and self._note.isVisibleTo(self):
            self._plan[self._note] = QRect(side, y + look.px(4), width, look.px(NOTE_HEIGHT))
            y += look.px(4 + NOTE_HEIGHT)
        self._bar_box = QRect(side - look.px(6), y + look.px(4), width + look.px(6), look.px(_ACTIONS_HEIGHT))
        y += look.px(4 + _ACTIONS_HEIGHT + (_GAP_QUESTION if self.message.role == "user" else _GAP_ANSWER))
        self._size = QSize(width + 2 * side, y)
        return y

    def settle(self) -> None:
        """Apply the layout that `arrange` planned."""
        # What is painted around the parts moves with them: with static contents Qt paints only what is new.
        if self.text.ring or (self._card, self.width()) != (self._planned_card, self._size.width()):
            self._card = self._planned_card
            self.update()
        self.resize(self._size)
        for widget, box in self._plan.items():
            widget.setGeometry(box)
        self._place_actions()

    def _clip(self, height: int) -> int:
        """The height in which the text of a question is shown: less than `height` when it is folded."""
        return height

    def _has_text(self) -> bool:
        """Whether the answer has any text, or may still get some."""
        return True

    def _arrange_card(self, y: int, width: int) -> int:
        look = theme()
        pad_x, pad_y = look.px(_CARD_PAD_X), look.px(_CARD_PAD_Y)
        inner = self.text.natural_width(int(width * _CARD_SHARE) - 2 * pad_x)
        height = self._clip(self.text.height_for(inner))
        left = look.px(SIDE) + width - inner - pad_x
        # Letters are in the lower part of their line: two pixels less above, so that the margins look equal.
        self._plan[self.text] = QRect(left, y + pad_y - look.px(2), inner, height)
        bottom = y + pad_y + height
        if self._unfold is not None and self._unfold.isVisibleTo(self):
            size = self._unfold.sizeHint()
            self._plan[self._unfold] = QRect(left, bottom + look.px(4), min(inner, size.width()), size.height())
            bottom += look.px(4) + size.height()
        self._planned_card = QRect(left - pad_x, y, inner + 2 * pad_x, bottom + pad_y - y)
        return bottom + pad_y

    def _arrange_answer(self, y: int, width: int) -> int:
        side = theme().px(SIDE)
        if self._thought is not None and self._thought.isVisibleTo(self):
            height = self._thought.arrange(width)
            self._plan[self._thought] = QRect(side, y, width, height)
            y += height + theme().px(_GAP_THOUGHT)
        height = self.text.height_for(width) if self._has_text() else 0
        self._plan[self.text] = QRect(side, y, width, height)
        y += height
        if self._unfold is not None and self._unfold.isVisibleTo(self):
            size = self._unfold.sizeHint()
            self._plan[self._unfold] = QRect(side, y + theme().px(4), size.width(), size.height())
            y += theme().px(4) + size.height()
        if self._sources is not None and self._sources.isVisibleTo(self):
            height = self._sources.arrange(width)
            self._plan[self._sources] = QRect(side, y + theme().px(4), width, height)
            y += theme().px(4) + height
        return y

    def _place_actions(self) -> None:
        if self._actions is not None:
            self._actions.setGeometry(self._bar_box)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the card of a question and the focus ring."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.message.role == "user" or self._editor is not None:
            paint_card(painter, self._card)
        if self.text.ring:
            paint_ring(painter, self._ring())

    def _ring(self) -> QRectF:
        """The focus ring: the edge of the card, or a rectangle around an answer."""
        if self.message.role == "user":
            return QRectF(self._card).adjusted(0.75, 0.75, -0.75, -0.75)
        box = self.text.geometry()
        if self._note is not None and self._note.isVisible():
            box = box.united(self._note.geometry())
        room = theme().px(SIDE) - 1
        return QRectF(box.adjusted(-room, -room + 1, room, room - 3))


def _pictures(message: StoredMessage, parent: QWidget) -> PictureRow | None:
    if not message.pictures:
        return None
    from desktop.ui.pictures.message_row import PictureRow

    return PictureRow(message.pictures, parent)


def paint_card(painter: QPainter, box: QRect) -> None:
    """Paint the tinted card of a question or an editor."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color("violet-soft"))
    painter.drawRoundedRect(QRectF(box), theme().radius_card, theme().radius_card)


def paint_ring(painter: QPainter, box: QRectF) -> None:
    """Paint the ring that shows the keyboard focus."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme().color("violet"), 1.5))
    painter.drawRoundedRect(box, theme().radius_card, theme().radius_card)
