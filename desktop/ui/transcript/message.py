"""One message on the page: your card at the right, or an answer as plain text, with what can be done about it.

A message lays itself out for a width (`arrange`) and says when its height changes; the view stacks messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.theme import theme
from desktop.ui.transcript import words
from desktop.ui.transcript.actions import ActionBar
from desktop.ui.transcript.card import CUT_HEIGHT, SIDE, paint_card, paint_cut, paint_ring
from desktop.ui.transcript.content import Content
from desktop.ui.transcript.editor import Editor
from desktop.ui.transcript.end_note import HEIGHT as NOTE_HEIGHT
from desktop.ui.transcript.end_note import EndNote
from desktop.ui.transcript.style import Style, mostly_chinese
from desktop.ui.transcript.text import MessageText

if TYPE_CHECKING:
    from desktop.store.records import Message

ACTIONS_HEIGHT = 30
GAP_QUESTION, GAP_ANSWER = 0, 6
CARD_PAD_X = 16
CARD_PAD_Y = 11
_CARD_SHARE = 0.86
_DECIDED = 200
"""Characters of a growing answer after which its language is settled."""


class MessageWidget(QWidget):
    """Shows one `Message`."""

    height_changed = Signal()
    chosen = Signal(str)
    """`copy`, `regenerate`, `previous`, `next`, `continue`."""
    edited = Signal(str)

    def __init__(self, message: Message, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.message = message
        self._busy = self._last = self._cut = self._active = False
        self._card, self._card_then, self._bar_box = QRect(), QRect(), QRect()
        self._plan: dict[QWidget, QRect] = {}
        self._size = QSize()
        self._actions: ActionBar | None = None
        self._editor: Editor | None = None
        self._unfold: QPushButton | None = None
        self._note: EndNote | None = None
        self._content = Content(message.role)
        self._clipped = False
        self._may_clip = message.role == "user"
        self.text = MessageText(self)
        self._style = Style(theme(), mostly_chinese(message.text))
        self.text.restyle(self._style)
        self.text.ring_changed.connect(self.update)
        self.text.copy_message.connect(lambda: self.chosen.emit("copy"))
        self._content.growing = message.status == "streaming"
        self._content.set_text(message.text, fold=not self._content.growing)
        self.text.show_blocks(self._content.blocks)
        self._take(message)

    # What it shows

    def set_message(self, message: Message) -> None:
        """Text, state or figures have changed."""
        changed = message.text != self._content.text
        self._content.growing = message.status == "streaming"
        if changed:
            self._show(self._content.set_text(message.text))
        else:
            # The last row of a table may have been held back.
            self.text.show_blocks(self._content.blocks, max(0, len(self.text.blocks) - 1))
        self._take(message)
        self.height_changed.emit()

    def append(self, text: str) -> None:
        """More of the answer."""
        self._show(self._content.append(text))

    def shown_text(self) -> str:
        """The whole text of the message as it is now."""
        return self._content.text

    def set_place(self, *, last: bool, cut: bool, busy: bool) -> None:
        """Whether it is the last message, the context begins here, an answer is being made."""
        if (last, cut, busy) == (self._last, self._cut, self._busy):
            return
        self._last, self._cut, self._busy = last, cut, busy
        self._refresh()

    def set_active(self, active: bool) -> None:
        """Whether pointer or keyboard are here: then the actions are shown."""
        if active != self._active:
            self._active = active
            self._refresh_actions()

    def retranslate(self) -> None:
        """Words of the present language."""
        self.text.retranslate()
        if self._actions is not None:
            self._actions.retranslate()
        if self._editor is not None:
            self._editor.retranslate()
        self._refresh()

    def restyle(self) -> None:
        """Colours and sizes of the present theme."""
        self._style = Style(theme(), self._style.chinese)
        self.text.restyle(self._style)
        if self._actions is not None:
            self._actions.retranslate()
        self._refresh()

    def mark(self, searched: Sequence[str]) -> int | None:
        """Mark words, in a folded message too; returns the y of the first in this widget."""
        if searched and (self._content.folded or self._clipped):
            self.unfold()
        y = self.text.mark(searched)
        return None if y is None else y + self.text.y()

    # What can be done

    def copy(self) -> None:
        """The whole message as it was written: Markdown."""
        QGuiApplication.clipboard().setText(self._content.text)
        if self._actions is not None:
            self._actions.say_copied()

    def unfold(self) -> None:
        """Show all of a very long message."""
        self._may_clip = self._clipped = False
        if self._content.folded:
            self._content.unfold()
            self.text.show_blocks(self._content.blocks)
        self._refresh()

    def edit(self) -> None:
        """Turn into an editor."""
        if self._editor is not None or self._busy:
            return
        self._editor = Editor(self._content.text, self.message.role, self)
        self._editor.submitted.connect(self._submit)
        self._editor.cancelled.connect(self.end_edit)
        self._editor.height_changed.connect(self.height_changed)
        self._editor.show()
        self.text.hide()
        self._refresh()
        self._editor.begin()

    @property
    def editor(self) -> Editor | None:
        """The editor while the message is being changed."""
        return self._editor

    def end_edit(self) -> None:
        """Back to reading; what was typed is gone."""
        if self._editor is None:
            return
        self._editor.hide()
        self._editor.deleteLater()
        self._editor = None
        self.text.show()
        self._refresh()
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    def action_bar(self) -> ActionBar:
        """The buttons under the message."""
        if self._actions is None:
            self._actions = ActionBar(self.message, self)
            self._actions.chosen.connect(self._act)
            self._actions.set_busy(self._busy)
            self._place_actions()
        return self._actions

    def stops(self) -> list[QWidget]:
        """What the keyboard can reach here, in the order of reading."""
        if self._editor is not None:
            return [w for w in self._editor.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus]
        bar = self.action_bar()
        buttons = [bar.button(n) for n in ("previous", "next", "regenerate", "edit", "copy")]
        go_on = self._note.button if self._note is not None else None
        found: list[QWidget | None] = [self.text, *self.text.code_buttons(), self._unfold, go_on, *buttons]
        bar.set_open(True)
        return [w for w in found if w is not None and w.isVisibleTo(self) and w.isEnabled()]

    # Layout

    def arrange(self, width: int) -> int:
        """Lay out for `width` and return the height; `settle` puts everything there.

        In two steps, because pixels can be scrolled only before the widgets on them are resized.
        """
        look = theme()
        self._plan.clear()
        self._card_then = QRect()
        y = look.px(SIDE) + (look.px(CUT_HEIGHT) if self._cut else 0)
        side = look.px(SIDE)
        if self._editor is not None:
            pad = look.px(CARD_PAD_Y)
            height = self._editor.arrange(width - 2 * pad)
            self._plan[self._editor] = QRect(side + pad, y + pad, width - 2 * pad, height)
            self._card_then = QRect(side, y, width, height + 2 * pad)
            y += height + 2 * pad
        elif self.message.role == "user":
            y = self._arrange_card(y, width)
        else:
            y = self._arrange_answer(y, width)
        y = self._arrange_note(y, width)
        self._bar_box = QRect(side - look.px(6), y + look.px(4), width + look.px(6), look.px(ACTIONS_HEIGHT))
        y += look.px(4 + ACTIONS_HEIGHT + (GAP_QUESTION if self.message.role == "user" else GAP_ANSWER))
        self._size = QSize(width + 2 * side, y)
        return y

    def settle(self) -> None:
        """Take the places that `arrange` found."""
        if self.text.ring or (self._card, self.width()) != (self._card_then, self._size.width()):
            self._card = self._card_then
            self.update()
        self.resize(self._size)
        for widget, box in self._plan.items():
            widget.setGeometry(box)
        self._place_actions()

    def _arrange_card(self, y: int, width: int) -> int:
        look = theme()
        pad_x, pad_y = look.px(CARD_PAD_X), look.px(CARD_PAD_Y)
        inner = self.text.natural_width(int(width * _CARD_SHARE) - 2 * pad_x)
        height = self._clip(self.text.height_for(inner))
        left = look.px(SIDE) + width - inner - pad_x
        # Letters stand in the lower part of their line: a little less above looks even.
        self._plan[self.text] = QRect(left, y + pad_y - look.px(2), inner, height)
        bottom = y + pad_y + height
        if self._unfold is not None and self._unfold.isVisibleTo(self):
            size = self._unfold.sizeHint()
            self._plan[self._unfold] = QRect(left, bottom + look.px(4), min(inner, size.width()), size.height())
            bottom += look.px(4) + size.height()
        self._card_then = QRect(left - pad_x, y, inner + 2 * pad_x, bottom + pad_y - y)
        return bottom + pad_y

    def _arrange_answer(self, y: int, width: int) -> int:
        side = theme().px(SIDE)
        height = self.text.height_for(width)
        if not self._content.blocks and self.message.status != "streaming":
            height = 0
        self._plan[self.text] = QRect(side, y, width, height)
        y += height
        if self._unfold is not None and self._unfold.isVisibleTo(self):
            size = self._unfold.sizeHint()
            self._plan[self._unfold] = QRect(side, y + theme().px(4), size.width(), size.height())
            y += theme().px(4) + size.height()
        return y

    def _clip(self, height: int) -> int:
        """A few very long lines are as long as many short ones."""
        most = int(self._content.limit * self._style.line_height)
        self._clipped = self._may_clip and height > most * 1.2
        lines = self._content.lines if self._content.folded else round(height / self._style.line_height)
        self._set_fold_button(self._content.folded or self._clipped, lines)
        return most if self._clipped else height

    def _arrange_note(self, y: int, width: int) -> int:
        look = theme()
        if self._note is None or not self._note.isVisibleTo(self):
            return y
        self._plan[self._note] = QRect(look.px(SIDE), y + look.px(4), width, look.px(NOTE_HEIGHT))
        return y + look.px(4 + NOTE_HEIGHT)

    def _place_actions(self) -> None:
        if self._actions is not None:
            self._actions.setGeometry(self._bar_box)

    # State

    def _take(self, message: Message) -> None:
        self.message = message
        self.text.set_streaming(message.status == "streaming")
        name = words.speaker(message.role)
        self.setAccessibleName(name)
        self.text.setAccessibleName(name)
        if self._actions is not None:
            self._actions.set_message(message)
        self._refresh(quietly=True)

    def _show(self, first: int) -> None:
        text = self._content.text
        if len(text) <= _DECIDED * 2 and mostly_chinese(text) != self._style.chinese:
            self._style = Style(theme(), not self._style.chinese)
            self.text.show_blocks(self._content.blocks, min(first, len(self.text.blocks)))
            self.text.restyle(self._style)
        else:
            self.text.show_blocks(self._content.blocks, min(first, len(self.text.blocks)))

    def _refresh(self, *, quietly: bool = False) -> None:
        """Everything that depends on state, words and colours."""
        self.update()
        name = words.speaker(self.message.role)
        self.setAccessibleName(name)
        self.text.setAccessibleName(name)
        self._refresh_note()
        if self.message.role != "user":
            self._set_fold_button(self._content.folded, self._content.lines)
        self._refresh_actions()
        if not quietly:
            self.height_changed.emit()

    def _refresh_note(self) -> None:
        message = self.message
        empty = message.role != "user" and message.status == "complete" and not self._content.text.strip()
        said = words.empty_answer() if empty else words.note(message.status)
        if self._editor is not None:
            said = ""
        if said and self._note is None:
            self._note = EndNote(self)
            self._note.continue_chosen.connect(lambda: self.chosen.emit("continue"))
        if self._note is not None:
            unfinished = message.status in ("stopped", "interrupted", "length", "error")
            self._note.say(said, may_continue=unfinished and self._last and not self._busy)

    def _refresh_actions(self) -> None:
        writing = self.message.status == "streaming"
        finished_last = self._last and self.message.role != "user" and not self._busy
        is_open = (self._active or finished_last) and not writing
        wanted = (is_open or self.message.sibling_count > 1) and self._editor is None and not writing
        if wanted:
            bar = self.action_bar()
            bar.set_busy(self._busy)
            bar.set_open(is_open)
            bar.show()
        elif self._actions is not None:
            self._actions.hide()

    def _set_fold_button(self, wanted: bool, lines: int) -> None:
        if wanted and self._unfold is None:
            self._unfold = QPushButton(self)
            self._unfold.setObjectName("unfold")
            self._unfold.setProperty("kind", "link")
            self._unfold.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self._unfold.setCursor(Qt.CursorShape.PointingHandCursor)
            self._unfold.clicked.connect(self.unfold)
        if self._unfold is not None:
            self._unfold.setText(words.show_all(lines))
            self._unfold.setVisible(wanted and self._editor is None)

    def _act(self, name: str) -> None:
        if name == "edit":
            self.edit()
        else:
            self.chosen.emit(name)

    def _submit(self, text: str) -> None:
        changed = text != self._content.text
        answer_again = self.message.role == "user"
        self.end_edit()
        if changed or answer_again:
            self.edited.emit(text)

    # Qt

    def paintEvent(self, event: QPaintEvent) -> None:
        """Your card, the line where the model's memory begins, the focus."""
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._cut:
            paint_cut(painter, self.width())
        if self.message.role == "user" or self._editor is not None:
            paint_card(painter, self._card)
        if self.text.ring:
            paint_ring(painter, self._ring())

    def _ring(self) -> QRectF:
        """Where the focus is drawn: along the card, around an answer."""
        if self.message.role == "user":
            return QRectF(self._card).adjusted(0.75, 0.75, -0.75, -0.75)
        box = self.text.geometry()
        if self._note is not None and self._note.isVisible():
            box = box.united(self._note.geometry())
        room = theme().px(SIDE) - 1
        return QRectF(box.adjusted(-room, -room + 1, room, room - 3))

    def enterEvent(self, event: QEnterEvent) -> None:
        """The pointer shows the actions."""
        super().enterEvent(event)
        self.set_active(True)

    def leaveEvent(self, event: QEvent) -> None:
        """Unless the keyboard is here."""
        super().leaveEvent(event)
        focus = self.focusWidget()
        self.set_active(focus is not None and focus.hasFocus())
