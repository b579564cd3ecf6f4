"""The widget of one message: a question as a card at the right or an answer, with its buttons.

`MessageFrame` lays out the parts; this module decides what they show, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.style.theme import text_theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.style import Style, mostly_chinese
from desktop.ui.transcript.markdown.citations import cited
from desktop.ui.transcript.markdown.content import Content
from desktop.ui.transcript.message.actions import ActionBar
from desktop.ui.transcript.message.context_line import ContextLine, LineKind
from desktop.ui.transcript.message.editor import Editor
from desktop.ui.transcript.message.end_note import EndNote
from desktop.ui.transcript.message.layout import MessageFrame
from desktop.ui.transcript.message.thought import Thought

if TYPE_CHECKING:
    from desktop.store.records import StoredMessage

_LANGUAGE_DECIDED = 400
"""Characters of a growing answer after which it no longer switches between the styles for Chinese and other text."""


class MessageWidget(MessageFrame):
    """Shows one `StoredMessage`."""

    height_changed = Signal()
    chosen = Signal(str)
    """`copy`, `speak`, `regenerate`, `pin`, `compare`, `previous`, `next`, `continue`; of the hairline above it
    `context`, `summary`."""
    source_chosen = Signal(int)
    """The number of a passage that the answer was made from."""
    save_code = Signal(object)
    """A `Code` that is to become a file."""
    edited = Signal(str)
    edit_changed = Signal(object)
    """The text of the open editor; None when it was closed without saving."""

    def __init__(self, message: StoredMessage, parent: QWidget) -> None:
        super().__init__(message, parent)
        self._busy = self._last = self._active = self._is_read = False
        self._content = Content(message.role)
        self._clipped = self._unfolded = False
        self._style = Style(text_theme(), mostly_chinese(message.text))
        self.text.restyle(self._style)
        self.text.reflowed.connect(self.height_changed)
        self.text.copy_message.connect(lambda: self.chosen.emit("copy"))
        self.text.pin_message.connect(lambda: self.chosen.emit("pin"))
        self.text.compare_message.connect(lambda: self.chosen.emit("compare"))
        self.text.source_chosen.connect(self.source_chosen)
        self.text.save_code.connect(self.save_code)
        self._make_sources(message)
        self._content.growing = message.status == "streaming"
        self._content.set_text(message.text, fold=not self._content.growing)
        self.text.show_blocks(self._content.blocks)
        self._set_message(message)

    # Content

    def set_message(self, message: StoredMessage) -> None:
        """Show a message whose text, status or statistics have changed."""
        changed = message.text != self._content.text
        if self._make_sources(message):
            self.text.show_blocks(self._content.blocks)
        self._content.growing = message.status == "streaming"
        if changed:
            self._show(self._content.set_text(message.text))
        else:
            # `Content` leaves out the last row of a table while the answer grows.
            self.text.show_blocks(self._content.blocks, max(0, len(self.text.blocks) - 1))
        self._set_message(message)
        self.height_changed.emit()

    def append(self, text: str) -> None:
        """Add text to the answer."""
        self._show(self._content.append(text))

    def append_thinking(self, text: str) -> bool:
        """Add text to the reasoning before the answer. Returns whether the height may have changed."""
        is_new = self._thought is None
        self.message = replace(self.message, thinking=self.message.thinking + text)
        self._refresh_thought()
        return is_new or (self._thought is not None and self._thought.is_open)

    def set_position(self, *, last: bool, line: LineKind, busy: bool) -> None:
        """Whether it is the last message, the first that the model sees, and whether an answer is being generated."""
        if (last, line, busy) == (self._last, self._line.kind if self._line else "", self._busy):
            return
        self._last, self._busy = last, busy
        self._set_line(line)
        if self._editor is not None:
            self._editor.allow(not busy)
        self._refresh()

    def set_active(self, active: bool) -> None:
        """Whether the pointer or the keyboard focus is here: then the actions are shown."""
        if active != self._active:
            self._active = active
            self._refresh_actions()

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.text.retranslate()
        if self._thought is not None:
            self._thought.retranslate()
        if self._sources is not None:
            self._sources.retranslate()
        if self._line is not None:
            self._line.set_kind(self._line.kind)
        if self._actions is not None:
            self._actions.retranslate()
        if self._editor is not None:
            self._editor.retranslate()
        self._refresh()

    def restyle(self) -> None:
        """Set colours and sizes of the current theme."""
        if self._thought is not None:
            self._thought.restyle()
        self._style = Style(text_theme(), self._style.chinese)
        self.text.restyle(self._style)
        if self._actions is not None:
            self._actions.retranslate()
        self._refresh()

    def mark(self, searched: Sequence[str]) -> int | None:
        """Mark words; a folded message is unfolded. Returns the y of the first in this widget, or None."""
        if searched and (self._content.folded or self._clipped):
            self.unfold()
        y = self.text.marks.mark(searched)
        return None if y is None else y + self.text.y()

    def mark_occurrence(self, text: str, place: int) -> tuple[int, int | None]:
        """Mark a text; a folded message is unfolded. Returns how often it is here, and the y of the one at `place`."""
        if self._content.folded or self._clipped:
            self.unfold()
        count, y = self.text.marks.mark_occurrence(text, place)
        return count, None if y is None else y + self.text.y()

    def set_read_aloud(self, is_read: bool) -> None:
        """Whether the message is being read aloud."""
        self._is_read = is_read
        if self._actions is not None or is_read:
            self.action_bar().set_read_aloud(is_read)
            self._refresh_actions()

    def mark_spoken(self, sentence: str, begin: int) -> tuple[int, int, int] | None:
        """Mark the sentence that is heard, from the place `begin` of the text on; "" removes the mark.

        Returns the place behind it and its y, from top to bottom, in this widget; None where it is not shown.
        """
        if sentence and (self._content.folded or self._clipped):
            self.unfold()
        marked = self.text.marks.mark_spoken(sentence, begin)
        return None if marked is None else (marked[0], marked[1] + self.text.y(), marked[2] + self.text.y())

    # Actions

    def copy(self) -> None:
        """Copy the source of the whole message, which is Markdown."""
        QGuiApplication.clipboard().setText(self._content.text)
        if self._actions is not None:
            self._actions.say_copied()

    def unfold(self) -> None:
        """Show the whole of a very long message."""
        self._unfolded = True
        if self._content.folded:
            self._content.unfold()
            self.text.show_blocks(self._content.blocks)
        self._refresh()

    def fold(self) -> None:
        """Show only the first lines of a very long message."""
        self._unfolded = False
        self._content.fold()
        self.text.show_blocks(self._content.blocks)
        self._refresh()

    def edit(self, restored: str | None = None) -> None:
        """Open an editor in place of the text; `restored` is the text of one that was open before, without focus."""
        if self._editor is not None or (self._busy and restored is None):
            return
        self._editor = Editor(self._content.text if restored is None else restored, self.message.role, self)
        self._editor.allow(not self._busy)
        self._editor.submitted.connect(self._submit)
        self._editor.cancelled.connect(self._cancel_edit)
        self._editor.changed.connect(self.edit_changed)
        self._editor.height_changed.connect(self.height_changed)
        self._editor.show()
        self.text.hide()
        self._refresh()
        if restored is None:
            self._editor.begin()
            self.edit_changed.emit(self._content.text)

    @property
    def editor(self) -> Editor | None:
        """The editor; None while the message is shown."""
        return self._editor

    def end_edit(self) -> None:
        """Close the editor and show the text."""
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
            self._actions.set_read_aloud(self._is_read)
            self._place_actions()
        return self._actions

    def stops(self) -> list[QWidget]:
        """The widgets that Tab visits here, in reading order."""
        if self._editor is not None:
            line = [self._line] if self._line is not None else []
            return [
                *line,
                *(w for w in self._editor.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus),
            ]
        bar = self.action_bar()
        buttons = [bar.button(n) for n in ("previous", "next", "regenerate", "edit", "pin", "speak", "copy")]
        note_button = self._note.button if self._note is not None else None
        thought = self._thought.stops() if self._thought is not None else []
        candidates: list[QWidget | None] = [
            self._line,
            *thought,
            self.text,
            *self.text.code_buttons(),
            *self.text.side_bars(),
            self._unfold,
            *(self._pictures.buttons if self._pictures is not None else ()),
            *(self._sources.shown() if self._sources is not None else ()),
            note_button,
            *buttons,
        ]
        bar.set_open(True)
        return [w for w in candidates if w is not None and w.isVisibleTo(self) and w.isEnabled()]

    # State

    def _clip(self, height: int) -> int:
        # `Content` folds by lines of the source; a question of a few very long lines is folded here, by its height.
        max_height = int(self._content.limit * self._style.line_height)
        too_high = height > max_height * 1.2
        self._clipped = too_high and not self._unfolded
        lines = self._content.lines if self._content.folded else round(height / self._style.line_height)
        self._show_fold_button(self._content.folded or too_high, lines)
        return max_height if self._clipped else height

    def _has_text(self) -> bool:
        return bool(self._content.blocks) or self.message.status == "streaming"

    def _set_message(self, message: StoredMessage) -> None:
        self.message = message
        self.text.set_streaming(message.status == "streaming")
        if self._actions is not None:
            self._actions.set_message(message)
        self._refresh(notify=False)

    def _make_sources(self, message: StoredMessage) -> bool:
        """Make the list of passages, where the answer has documents. Returns whether it is new."""
        if self._sources is not None or "documents" not in message.stats:
            return False
        from desktop.documents.cited import stored_sources
        from desktop.ui.transcript.message.sources import SourceList

        stored = stored_sources(message.stats)
        if stored is None:
            return False
        folder, sources = stored
        self._content.citations = frozenset(source.number for source in sources)
        self._sources = SourceList(folder, sources, self)
        self._sources.chosen.connect(self.source_chosen)
        self._sources.height_changed.connect(self.height_changed)
        return True

    def _show(self, first: int) -> None:
        self.text.show_blocks(self._content.blocks, min(first, len(self.text.blocks)))
        text = self._content.text
        if len(text) <= _LANGUAGE_DECIDED and mostly_chinese(text) != self._style.chinese:
            self._style = Style(text_theme(), not self._style.chinese)
            self.text.restyle(self._style)

    def _refresh(self, *, notify: bool = True) -> None:
        """Update everything that depends on the state, language and theme."""
        self.update()
        name = labels.speaker(self.message.role)
        if self.message.pinned:
            name = labels.pinned_speaker(name)
        self.text.pinned = self.message.pinned
        self.text.has_question = not self.message.is_greeting
        self.setAccessibleName(name)
        self.text.setAccessibleName(name)
        self._refresh_thought()
        self._refresh_note()
        if self._sources is not None:
            self._sources.set_cited(cited(self._content.text))
            self._sources.setVisible(self.message.status != "streaming" and self._editor is None)
        if self.message.role != "user":
            self._show_fold_button(self._content.folded or self._unfolded, self._content.lines)
        self._refresh_actions()
        if notify:
            self.height_changed.emit()

    def _set_line(self, kind: LineKind) -> None:
        if not kind and self._line is not None:
            self._line.hide()
            self._line.deleteLater()
            self._line = None
        elif kind and self._line is None:
            self._line = line = ContextLine(self)
            line.clicked.connect(lambda: self.chosen.emit("summary" if line.is_about_summary else "context"))
            line.show()
        if self._line is not None:
            self._line.set_kind(kind)

    def _refresh_thought(self) -> None:
        message = self.message
        if message.thinking and self._thought is None:
            self._thought = Thought(self)
            self._thought.height_changed.connect(self.height_changed)
            self._thought.answer_requested.connect(lambda: self.chosen.emit("answer_now"))
        if self._thought is not None:
            # Its duration is known just before the first word of the answer arrives.
            is_over = message.status != "streaming" or message.thinking_seconds is not None or bool(self._content.text)
            is_steps = "dialogue" in message.stats
            self._thought.set_thought(message.thinking, message.thinking_seconds, is_over=is_over, is_steps=is_steps)
            self._thought.setVisible(bool(message.thinking) and self._editor is None)

    def _refresh_note(self) -> None:
        message = self.message
        empty = message.role != "user" and message.status == "complete" and not self._content.text.strip()
        if message.role == "user":
            text, button = (labels.no_answer(message.status), labels.answer()) if self._is_unanswered() else ("", "")
        else:
            text = labels.empty_answer() if empty else labels.note(message.status, message.stats)
            unfinished = message.status in ("stopped", "interrupted", "length", "error")
            button = labels.continue_answer() if unfinished and self._last and not self._busy else ""
        if message.is_damaged and not text:
            text = labels.damaged()
        if self._editor is not None:
            text = ""
        if text and self._note is None:
            self._note = EndNote(self)
            action = "regenerate" if message.role == "user" else "continue"
            self._note.chosen.connect(lambda: self.chosen.emit(action))
        if self._note is not None:
            self._note.set_texts(text, button)

    def _refresh_actions(self) -> None:
        streaming = self.message.status == "streaming"
        finished_last = self._last and self.message.role != "user" and not self._busy
        is_open = (self._active or finished_last) and not streaming
        has_mark = self.message.sibling_count > 1 or self.message.pinned
        visible = (is_open or has_mark) and self._editor is None and not streaming
        if visible:
            bar = self.action_bar()
            bar.set_busy(self._busy)
            bar.set_unanswered(self._is_unanswered())
            bar.set_open(is_open)
            bar.show()
        elif self._actions is not None:
            self._actions.hide()

    def _is_unanswered(self) -> bool:
        return self.message.role == "user" and self._last and not self._busy

    def _show_fold_button(self, visible: bool, lines: int) -> None:
        if visible and self._unfold is None:
            self._unfold = QPushButton(self)
            self._unfold.setObjectName("unfold")
            self._unfold.setProperty("kind", "link")
            self._unfold.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            self._unfold.setCursor(Qt.CursorShape.PointingHandCursor)
            self._unfold.clicked.connect(lambda: self.fold() if self._unfolded else self.unfold())
        if self._unfold is not None:
            self._unfold.setText(labels.show_less() if self._unfolded else labels.show_all(lines))
            self._unfold.setVisible(visible and self._editor is None)

    def _act(self, name: str) -> None:
        if name == "edit":
            self.edit()
        else:
            self.chosen.emit(name)

    def _submit(self, text: str) -> None:
        if text != self._content.text or self.message.role == "user":
            self.edited.emit(text)  # the editor stays open until the text is stored, see `end_edit`
        else:
            self._cancel_edit()

    def _cancel_edit(self) -> None:
        self.end_edit()
        self.edit_changed.emit(None)

    # Qt

    def enterEvent(self, event: QEnterEvent) -> None:
        """Show the actions under the pointer."""
        super().enterEvent(event)
        self.set_active(True)

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the actions, unless the keyboard focus is here."""
        super().leaveEvent(event)
        focus = self.focusWidget()
        self.set_active(focus is not None and focus.hasFocus())
