"""Answers that the store refused: held here and written again until it accepts them."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.chat.answer import Answer
from desktop.chat.refusals import RETRY_S, Refusals
from desktop.store import Store, StoreError


class UnsavedAnswers(QObject):
    """Writes answers to the store; holds the finished ones that it refuses."""

    stored = Signal(int)  # conversation in which an answer got its row, and with it another id

    def __init__(self, store: Store, refusals: Refusals) -> None:
        super().__init__()
        self._store = store
        self._refusals = refusals
        self._answers: list[Answer] = []
        self._ids: dict[int, int] = {}  # temporary id -> id in the store
        self._timer = QTimer(self, interval=int(RETRY_S * 1000))
        self._timer.timeout.connect(self.retry)

    def of(self, conversation_id: int) -> list[Answer]:
        """The refused answers of one conversation, oldest first."""
        return [answer for answer in self._answers if answer.conversation_id == conversation_id]

    def stored_id(self, message_id: int) -> int:
        """The id of a message in the store, also for its temporary id."""
        return self._ids.get(message_id, message_id)

    def create_row(self, answer: Answer) -> None:
        """Create the row of an answer before it is shown; if the store refuses, a later write creates it."""
        try:
            answer.save(self._store)
        except StoreError as error:
            self._refusals.note(answer.request_id, error)

    def save(self, answer: Answer) -> bool:
        """Write `answer` to the store; False when it refuses, which is reported.

        A finished answer that is refused is held here and tried again.
        """
        try:
            self._write(answer)
        except StoreError as error:
            if answer.status != "streaming":
                self._answers.append(answer)
                self._timer.start()
            self._refusals.note(answer.request_id, error)
            return False
        self._refusals.end(answer.request_id)
        return True

    def retry(self) -> bool:
        """Try again; True when the store has everything."""
        for answer in list(self._answers):
            try:
                self._write(answer)
            except StoreError as error:
                if error.kind != "not_found":  # the conversation was purged: its answers are dropped
                    self._refusals.note(answer.request_id, error)
                    return False
            self._forget(answer)
        return True

    def close(self) -> None:
        """Try one last time."""
        self.retry()
        self._timer.stop()

    def flush(self, conversation_id: int) -> None:
        """Store the refused answers of a conversation. Raises StoreError when the store still refuses them."""
        for answer in self.of(conversation_id):
            self._write(answer)
            self._forget(answer)
        self.retry()

    def _forget(self, answer: Answer) -> None:
        self._refusals.end(answer.request_id)
        self._answers.remove(answer)
        if not self._answers:
            self._timer.stop()

    def _write(self, answer: Answer) -> None:
        before = answer.message
        answer.save(self._store)
        if before is not None and answer.message is not None and answer.message.id != before.id:
            self._ids[before.id] = answer.message.id
            self.stored.emit(answer.conversation_id)
