"""A conversation beside the open one, for a quick question: the window keeps showing what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.chat.refusals import store_faults
from desktop.chat.state import AnswerRequest, Notice, Waiting
from desktop.chat.titles import title_of
from desktop.store.errors import StoreError

if TYPE_CHECKING:
    from desktop.chat.answer_queue import AnswerQueue
    from desktop.store import Store, StoredConversation, StoredMessage


class QuickChat(QObject):
    """Asks questions in a conversation of its own, which is stored with the first one.

    Args:
        store: where it is stored.
        answers: have it answered.
        model: the present model and the context policy, for the new conversation.
        notify: shows what the store refuses.
    """

    answer_changed = Signal(object)  # StoredMessage: a new answer, or one that has ended
    text = Signal(str)  # more of the answer
    state_changed = Signal()  # `waiting`, `is_answering` or `notice`
    stored = Signal()  # the list of conversations is another

    def __init__(
        self,
        store: Store,
        answers: AnswerQueue,
        model: Callable[[], tuple[str, str]],
        notify: Callable[[Notice], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._store, self._answers, self._model, self._notify = store, answers, model, notify
        self.conversation_id: int | None = None
        """None before the first question."""
        answers.message_added.connect(self._on_message)
        answers.message_updated.connect(self._on_message)
        answers.text.connect(self._on_text)
        answers.state_changed.connect(self._on_state)
        answers.notice_changed.connect(self._on_state)

    @property
    def is_answering(self) -> bool:
        """Whether its answer is being generated."""
        return self.conversation_id is not None and self._answers.is_answering(self.conversation_id)

    @property
    def waiting(self) -> Waiting:
        """What its question waits for; empty when it has none that waits."""
        return "" if self.conversation_id is None else self._answers.waiting(self.conversation_id)

    @property
    def notice(self) -> Notice | None:
        """Why its last question was not answered, or not to the end."""
        return None if self.conversation_id is None else self._answers.notice_of(self.conversation_id)

    def ask(self, text: str) -> bool:
        """Store a question and have it answered. False when it was not stored."""
        if not text.strip() or self.is_answering or self.waiting:
            return False
        stored = False
        with store_faults(self._notify):
            conversation = self._conversation(text)
            question = self._store.add_question(conversation, text)
            stored = True
            self.conversation_id = conversation.id
            self.stored.emit()
            self._answers.ask(AnswerRequest(conversation.id, question.id))
        return stored

    def stop(self) -> None:
        """Stop the answer, or withdraw the question that waits."""
        if self.conversation_id is not None:
            self._answers.stop(self.conversation_id)

    def _conversation(self, question: str) -> StoredConversation:
        """The conversation of this chat; a new one before the first question, and where it was deleted meanwhile."""
        if self.conversation_id is not None:
            self._answers.flush(self.conversation_id)  # the question needs its parent in the store
            try:
                return self._store.conversation(self.conversation_id)
            except StoreError as error:
                if error.kind != "not_found":
                    raise
        model, overflow = self._model()
        return self._store.create_conversation(title=title_of(question), model=model, overflow=overflow)

    def _on_message(self, message: StoredMessage) -> None:
        if message.conversation_id == self.conversation_id:
            self.answer_changed.emit(message)

    def _on_text(self, message: StoredMessage, text: str) -> None:
        if message.conversation_id == self.conversation_id:
            self.text.emit(text)

    def _on_state(self, conversation_id: int) -> None:
        if conversation_id == self.conversation_id:
            self.state_changed.emit()
