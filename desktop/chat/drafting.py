"""Saves what a person is typing: a moment after each change, and again later if the store refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, QTimer

from desktop.chat.refusals import RETRY_S, Refusals, read_or
from desktop.chat.state import Notice
from desktop.store import Store, StoreError
from desktop.store.drafts import TypedField
from desktop.store.records import StoredAttachment, StoredPicture

DELAY_S = 0.3
"""At most this much of what was typed is lost when the process is killed."""
_WAITING_NAME = "typed"


class Drafting(QObject):
    """What is unsaved: what is in the composer of each conversation (text, files, pictures), its open messages,
    its title and its system prompt. `conversation_id` None means the new conversation.

    Args:
        store: takes all of it.
        refusals: what it refuses to take.
        stored_id: maps the temporary id of a message to its id in the store.
        notify: shows what cannot be read.
    """

    def __init__(
        self,
        store: Store,
        refusals: Refusals,
        stored_id: Callable[[int], int],
        notify: Callable[[Notice], object],
    ) -> None:
        super().__init__()
        self._store = store
        self._refusals = refusals
        self._stored_id = stored_id
        self._notify = notify
        self._drafts: dict[int | None, str] = {}
        self._attachments: dict[int | None, tuple[StoredAttachment, ...]] = {}
        self._pictures: dict[int | None, tuple[StoredPicture, ...]] = {}
        self._edits: dict[int, str | None] = {}  # None: closed
        self._system_prompt: str | None = None
        self._typed: dict[tuple[TypedField, int | None], str | None] = {}  # None: saved, or discarded
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.flush)

    def draft(self, conversation_id: int | None) -> str:
        """The text in the composer."""
        if conversation_id in self._drafts:
            return self._drafts[conversation_id]
        return read_or(lambda: self._store.draft(conversation_id), "", self._notify)

    def set_draft(self, conversation_id: int | None, text: str) -> None:
        """The text in the composer has changed."""
        self._drafts[conversation_id] = text
        self._schedule_flush()

    def attachments(self, conversation_id: int | None) -> tuple[StoredAttachment, ...]:
        """The files above the composer."""
        if conversation_id in self._attachments:
            return self._attachments[conversation_id]
        return read_or(lambda: self._store.draft_attachments(conversation_id), (), self._notify)

    def set_attachments(self, conversation_id: int | None, attachments: tuple[StoredAttachment, ...]) -> None:
        """The files above the composer have changed."""
        self._attachments[conversation_id] = attachments
        self._schedule_flush()

    def pictures(self, conversation_id: int | None) -> tuple[StoredPicture, ...]:
        """The pictures above the composer; those that are not stored yet have their `data`."""
        if conversation_id in self._pictures:
            return self._pictures[conversation_id]
        return read_or(lambda: self._store.draft_pictures(conversation_id), (), self._notify)

    def set_pictures(self, conversation_id: int | None, pictures: tuple[StoredPicture, ...]) -> None:
        """The pictures above the composer have changed, or the texts that were read in them."""
        self._pictures[conversation_id] = pictures
        self._schedule_flush()

    def system_prompt(self) -> str:
        """The system prompt for the new conversation. Raises StoreError."""
        return self._store.new_system_prompt() if self._system_prompt is None else self._system_prompt

    def set_system_prompt(self, text: str) -> None:
        """The system prompt for the new conversation has changed."""
        self._system_prompt = text
        self._schedule_flush()

    def typed_text(self, what: TypedField, conversation_id: int | None) -> str | None:
        """The text typed for the title or the system prompt and not saved; None: none."""
        key = (what, conversation_id)
        if key in self._typed:
            return self._typed[key]
        return read_or(lambda: self._store.typed_text(what, conversation_id), None, self._notify)

    def set_typed_text(self, what: TypedField, conversation_id: int | None, text: str | None) -> None:
        """The text typed for the title or the system prompt has changed; None: it was saved, or discarded."""
        self._typed[what, conversation_id] = text
        self._schedule_flush()

    def edits(self, conversation_id: int | None) -> Mapping[int, str]:
        """The open edits of a conversation: message id → text in its editor."""
        if conversation_id is None:
            return {}
        self.flush()
        unwritten = {self._stored_id(message_id): text for message_id, text in self._edits.items()}
        edits: Mapping[int, str | None] = read_or(
            lambda: {**self._store.edits(conversation_id), **unwritten}, {}, self._notify
        )
        return {message_id: text for message_id, text in edits.items() if text is not None}

    def set_edit(self, message_id: int, text: str | None) -> None:
        """The text in the editor of a message has changed; None: it was closed."""
        self._edits[message_id] = text
        self._schedule_flush()

    def clear_draft(self, conversation_id: int | None) -> None:
        """Forget the draft: `Store.add_question` has stored it as a question and removed its rows."""
        self._drafts.pop(conversation_id, None)
        self._attachments.pop(conversation_id, None)
        self._pictures.pop(conversation_id, None)
        if conversation_id is None:
            self._system_prompt = None

    def clear_edit(self, message_id: int) -> None:
        """Forget the edit: `Store.add_version` has stored it as a version and removed its row."""
        self._edits.pop(message_id, None)

    def flush(self) -> bool:
        """Write everything now. False when the store refuses; a notice says so once."""
        try:
            self._write()
        except StoreError as error:
            self._refusals.note(_WAITING_NAME, error)
            self._timer.start(int(RETRY_S * 1000))
            return False
        self._refusals.end(_WAITING_NAME)
        if self._edits:  # of answers that the store does not have yet
            self._timer.start(int(RETRY_S * 1000))
        return True

    def close(self) -> None:
        """Write what can be written, one last time."""
        self.flush()
        self._timer.stop()

    def _write(self) -> None:
        for conversation_id in list(self._drafts):
            self._store.save_draft(conversation_id, self._drafts[conversation_id])
            del self._drafts[conversation_id]
        for conversation_id in list(self._attachments):
            self._store.save_draft_attachments(conversation_id, self._attachments[conversation_id])
            del self._attachments[conversation_id]
        for conversation_id in list(self._pictures):
            self._store.save_draft_pictures(conversation_id, self._pictures[conversation_id])
            del self._pictures[conversation_id]
        if self._system_prompt is not None:
            self._store.save_new_system_prompt(self._system_prompt)
            self._system_prompt = None
        for what, conversation_id in list(self._typed):
            self._store.save_typed_text(what, conversation_id, self._typed[what, conversation_id])
            del self._typed[what, conversation_id]
        for shown_id in list(self._edits):
            message_id, text = self._stored_id(shown_id), self._edits[shown_id]
            if message_id < 0:
                continue  # the store does not have the message yet
            if text is None:
                self._store.drop_edit(message_id)
            else:
                self._store.save_edit(message_id, text)
            del self._edits[shown_id]

    def _schedule_flush(self) -> None:
        # Not restarted: while a person types without a pause, this still writes every `DELAY_S`.
        if not self._timer.isActive():
            self._timer.start(int(DELAY_S * 1000))
