"""Answers that the store has not taken yet: kept here and tried again until it has them."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.chat.answer import Answer
from desktop.chat.refusals import RETRY_S, Refusals
from desktop.store import Store, StoreError


class Unsaved(QObject):
    """Finished answers on their way into the store."""

    stored = Signal(int)  # conversation: an answer has its place in the store, under another number than before

    def __init__(self, store: Store, refusals: Refusals) -> None:
        super().__init__()
        self._store = store
        self._refusals = refusals
        self._answers: list[Answer] = []
        self._ids: dict[int, int] = {}  # number before it was stored -> number in the store
        self._timer = QTimer(self, interval=int(RETRY_S * 1000))
        self._timer.timeout.connect(self.retry)

    def of(self, conversation_id: int) -> list[Answer]:
        """Those of one conversation, oldest first."""
        return [answer for answer in self._answers if answer.conversation_id == conversation_id]

    def stored_id(self, message_id: int) -> int:
        """The number of a message in the store, also when it was shown before it had one."""
        return self._ids.get(message_id, message_id)

    def begin(self, answer: Answer) -> None:
        """Give an answer its place in the store, before it is shown; if the store refuses, it gets it later."""
        try:
            answer.keep(self._store)
        except StoreError as error:
            self._refusals.note(answer.request_id, error)

    def keep(self, answer: Answer) -> bool:
        """Bring the store up to date with `answer`; False when it refuses, which is told.

        An answer that has ended stays here until it is stored.
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
        """Try again; True when nothing is left."""
        for answer in list(self._answers):
            try:
                self._write(answer)
            except StoreError as error:
                if error.kind != "not_found":  # a conversation that is gone for good takes its answers along
                    self._refusals.note(answer.request_id, error)
                    return False
            self._forget(answer)
        return True

    def close(self) -> None:
        """Try for the last time."""
        self.retry()
        self._timer.stop()

    def settle(self, conversation_id: int) -> None:
        """Store what a conversation still lacks. Raises StoreError when that is not possible yet."""
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
        answer.keep(self._store)
        if before is not None and answer.message is not None and answer.message.id != before.id:
            self._ids[before.id] = answer.message.id
            self.stored.emit(answer.conversation_id)
