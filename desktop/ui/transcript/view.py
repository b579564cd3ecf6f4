"""The transcript: shows a conversation, and an answer while it is being generated.

`MessageList` lays out and scrolls the messages, `KeyboardMessageList` adds the keyboard; this module is the interface
to the rest of the window.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QWidget

from desktop.ui.style.theme import theme, themes
from desktop.ui.transcript import labels
from desktop.ui.transcript.keyboard_list import KeyboardMessageList
from desktop.ui.transcript.markdown.parse import warm_up
from desktop.ui.transcript.message.context_line import context_lines
from desktop.ui.transcript.message.widget import MessageWidget
from desktop.ui.transcript.message_list import TOP_PAD, Anchor
from desktop.ui.transcript.row_layout import MessageRow
from desktop.ui.transcript.stream import StreamBuffer

if TYPE_CHECKING:
    from desktop.chat.state import Waiting
    from desktop.store.records import StoredMessage


class TranscriptView(KeyboardMessageList):
    """Shows the active path of a conversation. Its signals are what a person asks for."""

    accessible_role = "Document"
    regenerate_requested = Signal(int)
    edit_submitted = Signal(int, str)
    edit_changed = Signal(int, object)
    """Message id, text of its open editor; None when it was closed without saving."""
    version_requested = Signal(int, int)
    """Message id, step: -1 or +1."""
    answer_now_requested = Signal()
    """The thought of the answer under way has been long enough."""
    continue_requested = Signal(int)
    source_requested = Signal(object, int)
    """StoredMessage, number of a passage that the answer was made from."""
    remember_requested = Signal(str)
    """A text about the person that is to be remembered."""
    save_code_requested = Signal(object)
    """A `Code` that is to become a file."""
    pin_requested = Signal(int, bool)
    """Message id, and whether it is to be pinned or unpinned."""
    compare_requested = Signal(int)
    """Another model is to answer the question of a message, too."""
    speak_requested = Signal(int)
    """A message is to be read aloud, or not any more."""
    context_requested = Signal()
    """What happens when the context is full is to be chosen."""
    summary_requested = Signal()
    """The summary that the model is sent is to be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._read_aloud_id: int | None = None
        self._stream = StreamBuffer(self)
        self._stream.flushed.connect(self._show_batch)
        themes().changed.connect(self._restyle)
        self._retranslate()

    # Content

    def set_path(
        self,
        messages: Sequence[StoredMessage],
        *,
        left_out: Collection[int] = (),
        covered: Collection[int] = (),
        keep_position: bool = False,
    ) -> None:
        """Show these messages. `left_out` are the ids of those that the model no longer sees, `covered` the ids of
        those that it knows from a summary.

        With `keep_position` (after an edit, or for another version) the reader stays where they are, if that message
        still exists; otherwise the end is shown. A reader at the end of a path that ends with a question is waiting for
        its answer, and stays at the end in any case.
        """
        self._stream.flush()
        ends_with_question = bool(messages) and messages[-1].role == "user"
        shows_end = not keep_position or (self._stick and ends_with_question)
        anchor = None if shows_end else self._anchor()
        focus = self._focused_control()
        old = {row.message.id: row for row in self._rows.rows}
        rows = []
        for message in messages:
            row = old.pop(message.id, None) or MessageRow(message)
            if row.message != message:
                row.message, row.measured = message, False
                if row.widget is not None:
                    row.widget.set_message(message)
            rows.append(row)
        self._rows.set(rows)
        self._lines = context_lines([message.id for message in messages], frozenset(left_out), frozenset(covered))
        for removed in old.values():
            self._drop(removed)
        self._stick = anchor is None
        self._estimate_heights()
        self._sync(anchor)
        self._stick = self.at_bottom()  # an anchor near the end may have led there
        self._restore_focus(focus)

    def append(self, message: StoredMessage) -> None:
        """Add a message at the end. After a question the end is shown; an answer leaves the position as it is."""
        self._stream.flush()
        anchor = self._anchor()
        self._rows.add(MessageRow(message))
        self._estimate_heights()
        if message.role == "user":
            self._stick = True
        self._sync(anchor)

    def update_message(self, message: StoredMessage) -> None:
        """Show a message whose text, status or statistics have changed."""
        self._stream.flush()
        index = self._rows.index_of(message.id)
        if index is None:
            return
        anchor = self._anchor()
        row = self._rows.rows[index]
        row.message, row.measured = message, False
        if row.widget is not None:
            row.widget.set_message(message)
        self._sync(anchor)

    def append_text(self, message_id: int, text: str) -> None:
        """Add text to an answer. It is shown with other text of the next few hundredths of a second, in one batch."""
        self._stream.add(message_id, text)

    def append_thinking(self, message_id: int, text: str) -> None:
        """Add text to the reasoning before an answer."""
        self._stream.flush()
        index = self._rows.index_of(message_id)
        if index is None:
            return
        row = self._rows.rows[index]
        row.message = replace(row.message, thinking=row.message.thinking + text)
        if row.widget is not None and row.widget.append_thinking(text):
            self._grow(index)

    def set_busy(self, busy: bool) -> None:
        """Whether an answer is being generated: then no edit can be saved, and nothing can be answered again."""
        if busy:
            warm_up()
        self._busy = busy
        self._sync(self._anchor())

    def set_quiet(self, quiet: bool) -> None:
        """Whether messages show no button until the pointer or the focus is there."""
        self._quiet = quiet
        self._sync(self._anchor())

    def set_prefill(self, percent: int | None, seconds_left: float | None) -> None:
        """Show the progress of the prefill under the last question; None when it is over."""
        anchor = self._anchor()
        self._progress.set_prefill(percent, seconds_left)
        self._sync(anchor)

    def set_waiting(self, waiting: Waiting) -> None:
        """Show what the last question waits for; empty when it does not wait."""
        anchor = self._anchor()
        self._progress.set_waiting(waiting)
        self._waits = bool(waiting)
        self._sync(anchor)

    def restore_edits(self, edits: Mapping[int, str]) -> None:
        """Open the editors that were open when these messages were last shown; `edits` are texts by message id."""
        for message_id, text in edits.items():
            widget = self.message_widget(message_id)
            if widget is not None:
                widget.edit(text)

    def end_edit(self, message_id: int) -> None:
        """Close the editor of a message, after its text was stored."""
        index = self._rows.index_of(message_id)
        widget = None if index is None else self._rows.rows[index].widget
        if widget is not None:
            widget.end_edit()

    def clear(self) -> None:
        """Show nothing."""
        self._progress.set_prefill(None, None)
        self._progress.set_waiting("")
        self.set_path([])

    def messages(self) -> list[StoredMessage]:
        """The messages that are shown, with all text that has arrived."""
        self._stream.flush()
        return [row.message for row in self._rows.rows]

    def message_widget(self, message_id: int) -> MessageWidget | None:
        """The widget of a message, made if it does not exist; None if the message is not shown."""
        index = self._rows.index_of(message_id)
        if index is None:
            return None
        anchor = self._anchor()
        widget = self._widget_of(self._rows.rows[index])
        self._sync(anchor)
        return widget

    # For menus and search

    def scroll_to_message(self, message_id: int) -> None:
        """Scroll a message to the top of the viewport."""
        index = self._rows.index_of(message_id)
        if index is not None:
            self._stick = False
            self._sync(Anchor(index, -theme().px(TOP_PAD)))
            self._stick = self.at_bottom()

    def highlight(self, message_id: int, query: str) -> None:
        """Mark every word of the query in a message, and scroll to the first. An empty query removes all marks."""
        self.unmark()
        index = self._rows.index_of(message_id)
        if index is None or not query.split():
            return
        self.scroll_to_message(message_id)
        y = self._widget_of(self._rows.rows[index]).mark(query.split())
        self._stick = False
        self._sync(Anchor(index, (y or 0) - self.viewport().height() // 3))
        self._stick = self.at_bottom()

    def mark_occurrence(self, message_id: int, text: str, place: int) -> int:
        """Mark a text in a message, and scroll to one of its occurrences. Returns how many there are.

        Args:
            place: which occurrence; a negative one counts from the end. Without such a one nothing is marked.
        """
        index = self._rows.index_of(message_id)
        if index is None:
            return 0
        widget = self._widget_of(self._rows.rows[index])
        self._measure(index)  # an occurrence has a place only in text that is laid out
        count, y = widget.mark_occurrence(text, place)
        if y is not None:
            self._stick = False
            self._sync(Anchor(index, y - self.viewport().height() // 3))
            self._stick = self.at_bottom()
        return count

    def set_read_aloud(self, message_id: int | None) -> None:
        """The message that is being read aloud; None for none."""
        self._read_aloud_id = message_id
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.set_read_aloud(row.message.id == message_id)

    def mark_spoken(self, message_id: int, sentence: str, begin: int) -> int | None:
        """Mark the sentence that is heard, and scroll so that it is visible; "" removes the mark.

        Args:
            begin: the place in the shown text after which it comes.

        Returns the place behind it; None where it is not shown.
        """
        index = self._rows.index_of(message_id)
        if index is None:
            return None
        widget = self._widget_of(self._rows.rows[index])
        self._measure(index)  # a sentence has a place only in text that is laid out
        marked = widget.mark_spoken(sentence, begin)
        if marked is None:
            return None
        place, top, bottom = marked
        self._sync(self._anchor())
        self._bring_into_view(widget.y() + top, widget.y() + bottom)
        return place

    def unmark(self) -> None:
        """Remove all marks."""
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.mark(())

    def first_visible(self) -> int | None:
        """The place of the first message in the viewport; None without messages."""
        return self._rows.at(self._value() + theme().px(TOP_PAD)) if self._rows.rows else None

    def pin_current(self) -> None:
        """Pin or unpin the message in focus, or the last one."""
        index = self._focused_index()
        if self._rows.rows:
            message = self._rows.rows[-1 if index is None else index].message
            if message.status != "streaming":
                self.pin_requested.emit(message.id, not message.pinned)

    def copy_last_answer(self) -> bool:
        """Copy the last answer to the clipboard. Returns false when there is none."""
        for row in reversed(self._rows.rows):
            if row.message.role == "assistant" and row.message.text:
                self._widget_of(row).copy()
                return True
        return False

    # Messages

    def _make_widget(self, row: MessageRow) -> MessageWidget:
        widget = MessageWidget(row.message, self._page)
        widget.height_changed.connect(lambda: self._height_changed(widget))
        widget.chosen.connect(lambda name: self._act(widget, name))
        widget.source_chosen.connect(lambda number: self.source_requested.emit(widget.message, number))
        widget.save_code.connect(self.save_code_requested)
        widget.text.remember.connect(lambda text: self.remember_requested.emit(text or widget.message.text))
        widget.edited.connect(lambda text: self.edit_submitted.emit(widget.message.id, text))
        widget.edit_changed.connect(lambda text: self.edit_changed.emit(widget.message.id, text))
        if row.message.id == self._read_aloud_id:
            widget.set_read_aloud(True)
        widget.text.dragged_to.connect(self._drag_scroll)
        widget.text.caret_moved.connect(lambda: self._follow_caret(widget))
        return widget

    def _show_batch(self, message_id: int, text: str) -> None:
        index = self._rows.index_of(message_id)
        if index is None:
            return
        row = self._rows.rows[index]
        row.message = replace(row.message, text=row.message.text + text)
        if row.widget is None:
            row.measured = False  # far from the viewport: its height stays as it is until it is visible
        else:
            row.widget.append(text)
            self._grow(index)

    def _height_changed(self, widget: MessageWidget) -> None:
        """Lay out a message that was unfolded, opened as an editor, or has got a note."""
        index = self._rows.index_of(widget.message.id)
        if index is not None and self._rows.rows[index].widget is widget:
            anchor = self._anchor()
            self._rows.rows[index].measured = False
            self._sync(anchor)

    def _act(self, widget: MessageWidget, name: str) -> None:
        message_id = widget.message.id
        match name:
            case "copy":
                widget.copy()
            case "speak":
                self.speak_requested.emit(message_id)
            case "regenerate":
                self.regenerate_requested.emit(message_id)
            case "previous":
                self.version_requested.emit(message_id, -1)
            case "next":
                self.version_requested.emit(message_id, 1)
            case "answer_now":
                self.answer_now_requested.emit()
            case "continue":
                self.continue_requested.emit(message_id)
            case "pin":
                self.pin_requested.emit(message_id, not widget.message.pinned)
            case "compare":
                self.compare_requested.emit(message_id)
            case "context":
                self.context_requested.emit()
            case "summary":
                self.summary_requested.emit()

    def _follow_caret(self, widget: MessageWidget) -> None:
        caret = widget.text.viewport().mapTo(self._page, widget.text.cursorRect().center())
        self._bring_into_view(caret.y(), caret.y())

    # Theme and language

    def _restyle(self) -> None:
        anchor = self._anchor(reflow=True)
        self._width = 0  # `_sync` measures all rows again
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.restyle()
        self._progress.refresh()
        self._place_end_button()
        self._sync(anchor)

    def _retranslate(self) -> None:
        self.setAccessibleName(labels.transcript_name())
        self._page.setAccessibleName(labels.messages())
        self._to_end.name(labels.to_the_end())
        self._progress.refresh()
        for row in self._rows.rows:
            if row.widget is not None:
                row.widget.retranslate()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._retranslate()
