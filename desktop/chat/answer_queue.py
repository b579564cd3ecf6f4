"""Has questions answered, one request at a time: which questions wait, for what, and when the next one starts.

A question is in the store before it comes here. Each conversation may have one question at a time; questions that
cannot be answered yet wait in a queue. This module does not know which conversation is shown: its signals carry a
conversation id, and the controller decides what the window shows.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Signal

from belle.engine.process.commands import Generate, ReadAhead, Sampling
from belle.engine.process.events import Done
from belle.prompts import Message
from desktop.chat.context_gauge import ContextGauge
from desktop.chat.current_answer import CurrentAnswer
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import RequestBuilder, up_to
from desktop.chat.refusals import Refusals, store_faults
from desktop.chat.saved_states import state_name
from desktop.chat.state import AnswerRequest, ModelState, Notice, Waiting
from desktop.chat.unsaved import UnsavedAnswers
from desktop.store import Store, StoredConversation, StoredMessage, StoredSummary, StoreError

if TYPE_CHECKING:
    from desktop.chat.documents.folders import DocumentFolders
    from desktop.chat.strategies.slow_mind import SlowMind


class AnsweringModel(Protocol):
    """The model that answers in a conversation."""

    def is_loaded(self, conversation: StoredConversation) -> bool:
        """Whether it is the one that is loaded, or being loaded."""

    def load(self, conversation: StoredConversation) -> None:
        """Load it."""

    def adjusted(self, conversation: StoredConversation, sampling: Sampling) -> Sampling:
        """`sampling` with the values that the conversation has besides."""


class AnswerQueue(QObject):
    """The queue of questions, and for each conversation the notice about its last question."""

    request_started = Signal(object)  # AnswerRequest: the window hides what follows it on the path
    message_added = Signal(object)  # StoredMessage
    message_updated = Signal(object)  # StoredMessage
    text = Signal(object, str)  # StoredMessage the text belongs to, more text
    thinking = Signal(object, str)  # StoredMessage, more of what the model thinks before it
    prefill = Signal(int, int, int, object)  # conversation, done, total, seconds left | None
    path_changed = Signal(int)  # conversation: its path must be read again
    context_usage = Signal(int, object)  # conversation, ContextUsage
    finished = Signal(int, object)  # conversation, Done
    failed = Signal(int)  # conversation: its answer ended with an error or was interrupted
    state_changed = Signal(int)  # conversation: `is_answering` or `waiting` has changed
    notice_changed = Signal(int)  # conversation: `notice_of` has changed
    notice = Signal(object)

    def __init__(
        self,
        store: Store,
        refusals: Refusals,
        host: ModelHost,
        sampling: Callable[[], Sampling],
        thinks: Callable[[], bool | None],
        *,
        system_prompt: Callable[[StoredConversation], str],
        model: AnsweringModel,
        documents: DocumentFolders,
        slow: Callable[[], SlowMind],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._store, self._host, self._model, self._thinks = store, host, model, thinks
        self._queue: dict[int, AnswerRequest] = {}  # by conversation, in the order of asking
        # By conversation: the last question, and why its answer failed or was cut.
        self._notices: dict[int, tuple[AnswerRequest, Notice]] = {}
        self._prompts = RequestBuilder(
            *(store, system_prompt, lambda conversation: model.adjusted(conversation, sampling()), thinks),
            sees=lambda: host.state.info is not None and host.state.info.sees,
        )
        ids = itertools.count(1)
        self._gauge = ContextGauge(store, host, ids, self._prompts)
        self._gauge.usage.connect(self.context_usage)
        self._gauge.all_fits.connect(self.path_changed)
        self._gauge.read.connect(self._read_ahead)
        self._gauge.notice.connect(self.notice)
        self._unsaved = UnsavedAnswers(store, refusals)
        self._unsaved.stored.connect(self.path_changed)
        self._current = CurrentAnswer(
            store, host, self._unsaved, self._prompts, documents=documents, slow=slow, ids=ids, parent=self
        )
        self._connect(self._current)
        host.state_changed.connect(self._on_model_state)

    def _connect(self, current: CurrentAnswer) -> None:
        current.request_started.connect(self.request_started)
        current.message_added.connect(self.message_added)
        current.message_updated.connect(self.message_updated)
        current.text.connect(self.text)
        current.thinking.connect(self.thinking)
        current.prefill.connect(self.prefill)
        current.path_changed.connect(self.path_changed)
        current.state_changed.connect(self.state_changed)
        current.failed.connect(self.failed)
        current.notice.connect(self.notice)
        current.unanswered.connect(self._note_outcome)
        current.question_notice.connect(self._set_notice)
        current.finished.connect(self._on_finished)
        current.freed.connect(self.start_next)

    # State

    def is_answering(self, conversation_id: int) -> bool:
        """Whether an answer is being generated in this conversation."""
        return self._current.of(conversation_id) is not None

    def waiting(self, conversation_id: int) -> Waiting:
        """What the question of this conversation waits for; empty when it has none that waits."""
        answer = self._current.of(conversation_id)
        if answer is not None:
            return "summary" if answer.is_summarising else ""
        if conversation_id not in self._queue:
            return ""
        state = self._host.state
        if state.status == "loading":
            return "loading"
        if state.info is None:
            return "model"
        return "template" if state.info.template is None else "answer"

    def has_request(self, conversation_id: int) -> bool:
        """Whether this conversation has an answer under way or a question that waits."""
        return self.is_answering(conversation_id) or conversation_id in self._queue

    def path(self, conversation: StoredConversation) -> list[StoredMessage]:
        """The active path of the conversation, including what the store does not have yet. Raises StoreError."""
        return self._current.path(conversation)

    def summary(self, conversation: StoredConversation) -> StoredSummary | None:
        """The summary that is sent with the active path of the conversation. Raises StoreError."""
        return self._prompts.summary(conversation, self.path(conversation))

    def notice_of(self, conversation_id: int) -> Notice | None:
        """The notice to show while this conversation is open."""
        return self._notices[conversation_id][1] if conversation_id in self._notices else None

    def pop_notice(self, conversation_id: int) -> AnswerRequest | None:
        """Remove the notice of a conversation. Returns the question that it was about."""
        question, _ = self._notices.pop(conversation_id, (None, None))
        if question is not None:
            self.notice_changed.emit(conversation_id)
        return question

    def stored_id(self, message_id: int) -> int:
        """The id of a message in the store, also for the temporary id that it was first shown with."""
        return self._unsaved.stored_id(message_id)

    # Requests

    def ask(self, question: AnswerRequest) -> None:
        """Answer a question, now or when a model is ready and free. Raises StoreError."""
        if self.has_request(question.conversation_id):
            return
        self.flush(question.conversation_id)
        if self._is_free() and self._model.is_loaded(self._store.conversation(question.conversation_id)):
            self._current.start(question)
            return
        self._queue[question.conversation_id] = question
        self.state_changed.emit(question.conversation_id)
        self.start_next()
        if self._host.state.status in ("none", "failed"):
            self.notice.emit(Notice("no_model", "warn", {}, ("choose_model",), "model"))

    def flush(self, conversation_id: int) -> None:
        """Write to the store everything of a conversation that it does not have yet. Raises StoreError."""
        self._unsaved.flush(conversation_id)

    def stop(self, conversation_id: int) -> None:
        """Stop the answer of a conversation, or remove its question from the queue."""
        if conversation_id in self._queue:
            question = self._queue.pop(conversation_id)
            self._note_outcome(question, "stopped")
            self.state_changed.emit(conversation_id)
        else:
            self._current.stop(conversation_id)

    def answer_now(self, conversation_id: int) -> None:
        """End the thought of the answer of a conversation; the answer itself comes next."""
        self._current.answer_now(conversation_id)

    def abandon(self, status: str) -> None:
        """End the answer without waiting for the engine; its text so far is stored with `status`."""
        self._current.abandon(status)

    def cancel(self, conversation_id: int) -> None:
        """Drop the question or the answer under way of a conversation, such as before it is deleted."""
        self._gauge.cancel(conversation_id)
        self.stop(conversation_id)
        if self.is_answering(conversation_id):
            self.abandon("stopped")

    def start_next(self) -> None:
        """Start the next question of the queue, if the model is free; load its model first, if it is another."""
        while self._queue and self._can_start(next(iter(self._queue))):
            question = self._queue.pop(next(iter(self._queue)))
            with store_faults(self.notice.emit):
                self._current.start(question)
            self.state_changed.emit(question.conversation_id)

    def close(self) -> None:
        """Start no more questions and store the answer under way. Questions that wait are in the store already."""
        self._queue.clear()
        self.abandon("interrupted")
        self._unsaved.close()

    def save_all(self) -> bool:
        """Store everything, including the answer so far. False when the store refuses something."""
        return self._current.checkpoint() and self._unsaved.retry()

    def request_for(self, conversation: StoredConversation, question_id: int) -> Generate:
        """What asks a question of the conversation, without an id and without passages of documents.

        Raises StoreError.
        """
        path = up_to(self.path(conversation), question_id)
        return self._prompts.request(conversation, self._prompts.prompt(conversation, path, for_any_model=True))

    # What the engine does while no answer is under way

    def read_ahead(self, system_prompt: str) -> None:
        """Have what a new conversation will begin with read before its first question."""
        messages = (Message("system", system_prompt),) if system_prompt.strip() else ()
        if self._is_free():
            self._host.read_ahead(ReadAhead("", messages, self._thinks()))

    def count(self, conversation: StoredConversation) -> bool:
        """Request how full the context is; `context_usage` answers. False when that is not possible now.

        Raises StoreError.
        """
        if not self._is_free():
            return False
        self._gauge.count(conversation, self.path(conversation))
        return True

    def _read_ahead(self, conversation: StoredConversation, messages: tuple[Message, ...], summary: str) -> None:
        # Another model would replace the saved state of the one that answers here.
        if self._is_free() and self._model.is_loaded(conversation):
            self._host.read_ahead(ReadAhead(state_name(conversation), messages, self._thinks(), summary))

    def _is_free(self) -> bool:
        info = self._host.state.info
        return self._current.is_free and info is not None and info.template is not None

    def _can_start(self, conversation_id: int) -> bool:
        """Whether the question of this conversation, which waits, can start now."""
        if not self._current.is_free or self._host.state.status == "loading":
            return False
        with contextlib.suppress(StoreError):
            conversation = self._store.conversation(conversation_id)
            if not self._model.is_loaded(conversation):
                self._model.load(conversation)
            return conversation_id in self._queue and self._is_free() and self._model.is_loaded(conversation)
        return self._is_free()  # it cannot be read, which `CurrentAnswer.start` reports

    # Signals from below

    def _on_model_state(self, state: ModelState) -> None:
        if state.status == "loading":
            for conversation_id in list(self._notices):  # they were about the previous model, context or template
                self.pop_notice(conversation_id)
        for conversation_id in list(self._queue):
            self.state_changed.emit(conversation_id)
        self.start_next()

    def _on_finished(self, conversation_id: int, done: Done) -> None:
        info = self._host.state.info
        if info is not None:
            usage = self._gauge.after_answer(conversation_id, done.stats.context_used, info.n_ctx)
            self.context_usage.emit(conversation_id, usage)
        self.finished.emit(conversation_id, done)

    def _set_notice(self, question: AnswerRequest, notice: Notice | None) -> None:
        if notice is None:
            self.pop_notice(question.conversation_id)
        else:
            self._notices[question.conversation_id] = (question, notice)
            self.notice_changed.emit(question.conversation_id)

    def _note_outcome(self, question: AnswerRequest, status: str) -> None:
        # The outcome is only a line under the question, and a notice already says that the store refuses to write.
        with contextlib.suppress(StoreError):
            self._store.note_outcome(question.message_id, status)
            self.message_updated.emit(self._store.message(question.message_id))
