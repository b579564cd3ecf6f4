"""What a person is typing, on its way into the store: written a moment after each change, tried again if refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, QTimer

from desktop.chat.refusals import RETRY_S, Refusals
from desktop.store import Store, StoreError
from desktop.store.drafts import Typed

DELAY_S = 0.3
"""At most this much of what was typed is lost when the process is killed."""
_NAME = "typed"


class Drafting(QObject):
    """What is open for typing: the composer of each conversation (None: the one not begun), its messages, its title
    and its system prompt.

    `stored_id` tells the number in the store of a message that was shown before it had one.
    """

    def __init__(self, store: Store, refusals: Refusals, stored_id: Callable[[int], int]) -> None:
        super().__init__()
        self._store = store
        self._refusals = refusals
        self._stored_id = stored_id
        self._drafts: dict[int | None, str] = {}
        self._edits: dict[int, str | None] = {}  # None: no longer open
        self._system_prompt: str | None = None
        self._typed: dict[tuple[Typed, int | None], str | None] = {}  # None: saved, or given up
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.flush)

    def draft(self, conversation_id: int | None) -> str:
        """What stands in the composer there. Raises StoreError."""
        return self._drafts[conversation_id] if conversation_id in self._drafts else self._store.draft(conversation_id)

    def set_draft(self, conversation_id: int | None, text: str) -> None:
        """The composer's text has changed."""
        self._drafts[conversation_id] = text
        self._soon()

    def system_prompt(self) -> str:
        """The system prompt for the conversation not begun. Raises StoreError."""
        return self._store.new_system_prompt() if self._system_prompt is None else self._system_prompt

    def set_system_prompt(self, text: str) -> None:
        """The system prompt for the conversation not begun has changed."""
        self._system_prompt = text
        self._soon()

    def typed(self, what: Typed, conversation_id: int | None) -> str | None:
        """What was typed for the title or the system prompt there and is not saved. Raises StoreError."""
        key = (what, conversation_id)
        return self._typed[key] if key in self._typed else self._store.typed(what, conversation_id)

    def set_typed(self, what: Typed, conversation_id: int | None, text: str | None) -> None:
        """What is typed for the title or the system prompt has changed; None: it was saved, or given up."""
        self._typed[what, conversation_id] = text
        self._soon()

    def edits(self, conversation_id: int) -> Mapping[int, str]:
        """The messages of a conversation that are open for editing, with what they say there. Raises StoreError."""
        self.flush()
        unwritten = {self._stored_id(message_id): text for message_id, text in self._edits.items()}
        edits = {**self._store.edits(conversation_id), **unwritten}
        return {message_id: text for message_id, text in edits.items() if text is not None}

    def set_edit(self, message_id: int, text: str | None) -> None:
        """The text of an open editor has changed; None: it was closed."""
        self._edits[message_id] = text
        self._soon()

    def sent(self, conversation_id: int | None) -> None:
        """The store has made the composer's text a question: it is not a draft any more."""
        self._drafts.pop(conversation_id, None)
        if conversation_id is None:
            self._system_prompt = None

    def saved(self, message_id: int) -> None:
        """The store has made an edit a version: it is open no longer."""
        self._edits.pop(message_id, None)

    def flush(self) -> bool:
        """Write everything now. False when the store refuses, which is told once."""
        try:
            self._write()
        except StoreError as error:
            self._refusals.note(_NAME, error)
            self._timer.start(int(RETRY_S * 1000))
            return False
        self._refusals.end(_NAME)
        if self._edits:  # of answers that are not in the store themselves yet
            self._timer.start(int(RETRY_S * 1000))
        return True

    def close(self) -> None:
        """Write what can be written, for the last time."""
        self.flush()
        self._timer.stop()

    def _write(self) -> None:
        for conversation_id in list(self._drafts):
            self._store.keep_draft(conversation_id, self._drafts[conversation_id])
            del self._drafts[conversation_id]
        if self._system_prompt is not None:
            self._store.keep_new_system_prompt(self._system_prompt)
            self._system_prompt = None
        for what, conversation_id in list(self._typed):
            self._store.keep_typed(what, conversation_id, self._typed[what, conversation_id])
            del self._typed[what, conversation_id]
        for shown_id in list(self._edits):
            message_id, text = self._stored_id(shown_id), self._edits[shown_id]
            if message_id < 0:
                continue  # the message itself is not in the store yet
            if text is None:
                self._store.drop_edit(message_id)
            else:
                self._store.keep_edit(message_id, text)
            del self._edits[shown_id]

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start(int(DELAY_S * 1000))
