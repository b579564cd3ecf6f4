"""Has questions answered, one request at a time: from a stored question to a stored answer.

A question is in the store before it comes here, and every answer is stored, however it ends: `UnsavedAnswers` holds
what the store refuses until it accepts it. Each conversation may have one question at a time; questions that cannot be
answered yet wait in a queue. This module does not know which conversation is shown: its signals carry a conversation
id, and the controller decides what the window shows.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.process.commands import Generate, ReadAhead, Sampling
from belle.engine.process.events import ContextCut, Done, Event, Failed, Prefill, Summarised, Text, Thinking
from belle.prompts import Message
from desktop.chat.answer import CHECKPOINT_S, Answer
from desktop.chat.context_gauge import ContextGauge
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import PathPrompt, prompt_of, up_to, valid_summary, with_answer
from desktop.chat.refusals import Refusals, store_faults
from desktop.chat.saved_states import state_name
from desktop.chat.state import ANSWER, POLICIES, AnswerRequest, ModelState, Notice, Waiting
from desktop.chat.unsaved import UnsavedAnswers
from desktop.store import Store, StoredConversation, StoredMessage, StoredSummary, StoreError

if TYPE_CHECKING:
    from desktop.chat.documents.folders import DocumentFolders
    from desktop.chat.documents.grounding import Grounding

# Of the part of a prompt that leaves no room for the question.
_REMEDIES = {"pins": "unpin_all", "summary": "edit_summary", "system": "edit_system_prompt"}


class AnsweringModel(Protocol):
    """The model that answers in a conversation."""

    def is_loaded(self, conversation: StoredConversation) -> bool:
        """Whether it is the one that is loaded, or being loaded."""

    def load(self, conversation: StoredConversation) -> None:
        """Load it."""

    def adjusted(self, conversation: StoredConversation, sampling: Sampling) -> Sampling:
        """`sampling` with the values that the conversation has besides."""


class AnswerQueue(QObject):
    """The answer under way, the queue of questions, and for each conversation the notice about its last question."""

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
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._thinks = thinks
        self._system_prompt = system_prompt
        self._model = model
        self._documents = documents
        self._store = store
        self._host = host
        self._sampling = sampling
        self._ids = itertools.count(1)
        self._answer: Answer | None = None
        self._summarised: frozenset[int] | None = None  # indices that have a summary; None: none is made
        self._knows_left_out = False  # whether the engine has reported which messages are not in the prompt
        self._queue: dict[int, AnswerRequest] = {}  # by conversation, in the order of asking
        # By conversation: the last question, and why its answer failed or was cut.
        self._notices: dict[int, tuple[AnswerRequest, Notice]] = {}
        self._gauge = ContextGauge(store, host, self._ids, system_prompt)
        self._gauge.usage.connect(self.context_usage)
        self._gauge.all_fits.connect(self.path_changed)
        self._gauge.read.connect(self._read_ahead)
        self._gauge.notice.connect(self.notice)
        self._unsaved = UnsavedAnswers(store, refusals)
        self._unsaved.stored.connect(self.path_changed)
        self._checkpoint_timer = QTimer(self, interval=int(CHECKPOINT_S * 1000))
        self._checkpoint_timer.timeout.connect(self._checkpoint)
        host.answer_event.connect(self._on_event)
        host.state_changed.connect(self._on_model_state)

    # State

    def is_answering(self, conversation_id: int) -> bool:
        """Whether an answer is being generated in this conversation."""
        return self._answer is not None and self._answer.conversation_id == conversation_id

    def waiting(self, conversation_id: int) -> Waiting:
        """What the question of this conversation waits for; empty when it has none that waits."""
        if self._answer is not None and self._answer.conversation_id == conversation_id:
            return "summary" if self._answer.is_summarising else ""
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
        path = self._store.active_path(conversation.id)
        under_way = [self._answer] if self._answer and self._answer.conversation_id == conversation.id else []
        for answer in [*self._unsaved.of(conversation.id), *under_way]:
            path = with_answer(path, answer)
        return path

    def summary(self, conversation: StoredConversation) -> StoredSummary | None:
        """The summary that is sent with the active path of the conversation. Raises StoreError."""
        path = self.path(conversation)
        return valid_summary(conversation, path, self._store.summaries([message.id for message in path]))

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
            self._start(question)
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
        answer = self._answer
        if conversation_id in self._queue:
            question = self._queue.pop(conversation_id)
            self._note_outcome(question, "stopped")
            self.state_changed.emit(conversation_id)
        elif answer and answer.conversation_id == conversation_id and not answer.stopping:
            answer.stopping = True
            self._host.stop(answer.request_id)

    def answer_now(self, conversation_id: int) -> None:
        """End the thought of the answer of a conversation; the answer itself comes next."""
        if self._answer and self._answer.conversation_id == conversation_id:
            self._host.answer_now(self._answer.request_id)

    def abandon(self, status: str) -> None:
        """End the answer without waiting for the engine; its text so far is stored with `status`."""
        answer = self._answer
        if answer is None:
            return
        self._host.stop(answer.request_id)
        answer.end(status)
        self._finish(answer)
        # Later: the caller may be about to replace the model, which must not get the next question before that.
        QTimer.singleShot(0, self, self.start_next)

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
                self._start(question)
            self.state_changed.emit(question.conversation_id)

    def _can_start(self, conversation_id: int) -> bool:
        """Whether the question of this conversation, which waits, can start now."""
        if self._answer is not None or self._host.state.status == "loading":
            return False
        with contextlib.suppress(StoreError):
            conversation = self._store.conversation(conversation_id)
            if not self._model.is_loaded(conversation):
                self._model.load(conversation)
            return conversation_id in self._queue and self._is_free() and self._model.is_loaded(conversation)
        return self._is_free()  # it cannot be read, which `_start` reports

    def close(self) -> None:
        """Start no more questions and store the answer under way. Questions that wait are in the store already."""
        self._queue.clear()
        self.abandon("interrupted")
        self._unsaved.close()

    def save_all(self) -> bool:
        """Store everything, including the answer so far. False when the store refuses something."""
        return self._checkpoint() and self._unsaved.retry()

    def read_ahead(self, system_prompt: str) -> None:
        """Have what a new conversation will begin with read before its first question."""
        messages = (Message("system", system_prompt),) if system_prompt.strip() else ()
        if self._is_free():
            self._host.read_ahead(ReadAhead("", messages, self._thinks()))

    def _read_ahead(self, conversation: StoredConversation, messages: tuple[Message, ...], summary: str) -> None:
        # Another model would replace the saved state of the one that answers here.
        if self._is_free() and self._model.is_loaded(conversation):
            self._host.read_ahead(ReadAhead(state_name(conversation), messages, self._thinks(), summary))

    def count(self, conversation: StoredConversation) -> bool:
        """Request how full the context is; `context_usage` answers. False when that is not possible now.

        Raises StoreError.
        """
        info = self._host.state.info
        if info is None or info.template is None or self._answer is not None:
            return False
        self._gauge.count(conversation, self.path(conversation))
        return True

    # Starting and finishing a request

    def _is_free(self) -> bool:
        info = self._host.state.info
        return self._answer is None and info is not None and info.template is not None

    def _start(self, question: AnswerRequest) -> None:
        conversation = self._store.conversation(question.conversation_id)
        folder = self._documents.folder(conversation.id).value
        path = up_to(self.path(conversation), question.message_id)
        prompt = self._prompt(conversation, path)
        messages = prompt.messages
        model = self._host.state.name
        answer = Answer(next(self._ids), conversation.id, question.message_id, model, prompt.message_ids)
        if question.continued_id is not None:
            self._store.resume_answer(question.continued_id)
            answer.resume(self._store.message(question.continued_id))
            messages = (*messages, Message("assistant", answer.text))
            self.message_updated.emit(answer.snapshot)
        else:
            self.request_started.emit(question)
        self.pop_notice(conversation.id)
        # Only now: if the store raises above, no answer is under way and the next question can start.
        self._answer = answer
        self._documents.embedding.pause()
        self._knows_left_out = not conversation.left_out
        self._summarised = frozenset(prompt.summarised) if conversation.overflow == "summarise" else None
        self._checkpoint_timer.start()
        self.state_changed.emit(conversation.id)
        request = replace(
            self._request(conversation, prompt),
            id=answer.request_id,
            messages=messages,
            continue_last=question.continued_id is not None,
        )
        if folder or answer.documents:
            self._grounding.prepare(request, folder, path, answer.message, partial(self._send, answer))
        else:
            self._host.generate(request)

    def request_for(self, conversation: StoredConversation, question_id: int) -> Generate:
        """What asks a question of the conversation, without an id and without passages of documents.

        Raises StoreError.
        """
        return self._request(conversation, self._prompt(conversation, up_to(self.path(conversation), question_id)))

    def _prompt(self, conversation: StoredConversation, path: Sequence[StoredMessage]) -> PathPrompt:
        summaries = self._store.summaries([message.id for message in path])
        return prompt_of(self._system_prompt(conversation), path, valid_summary(conversation, path, summaries))

    def _request(self, conversation: StoredConversation, prompt: PathPrompt) -> Generate:
        return Generate(
            id=0,
            messages=prompt.messages,
            sampling=self._model.adjusted(conversation, self._sampling()),
            overflow=conversation.overflow,
            pinned=prompt.pinned,
            summary=prompt.summary,
            summarised=prompt.summarised,
            thinking=self._thinks(),
            conversation=state_name(conversation),
        )

    @cached_property
    def _grounding(self) -> Grounding:
        from desktop.chat.documents.grounding import Grounding

        return Grounding(self._documents, self._host, self._ids, self)

    def _send(self, answer: Answer, request: Generate, documents: Mapping[str, Any]) -> None:
        """Have a question answered that has got its passages, unless that was stopped meanwhile."""
        if answer is not self._answer:
            return
        answer.documents = documents
        if answer.stopping:
            answer.end("stopped")
            self._finish(answer)
            self.start_next()
        else:
            self._host.generate(request)

    def _finish(self, answer: Answer) -> None:
        """Store the finished answer and free its conversation."""
        # Stored before anything is emitted: a slot may ask the next question, whose parent is this answer.
        self._checkpoint_timer.stop()
        self._answer = None
        self._documents.embedding.resume()
        self._unsaved.save(answer)
        if answer.message is not None:
            self.message_updated.emit(answer.snapshot)
        else:
            self._note_outcome(AnswerRequest(answer.conversation_id, answer.parent_id), answer.status)
            self.path_changed.emit(answer.conversation_id)  # shows again what `request_started` hid
        self.state_changed.emit(answer.conversation_id)
        if answer.status in ("error", "interrupted"):
            self.failed.emit(answer.conversation_id)

    def _note_outcome(self, question: AnswerRequest, status: str) -> None:
        # The outcome is only a line under the question, and a notice already says that the store refuses to write.
        with contextlib.suppress(StoreError):
            self._store.note_outcome(question.message_id, status)
            self.message_updated.emit(self._store.message(question.message_id))

    def _checkpoint(self) -> bool:
        if self._answer is None:
            return True
        return self._unsaved.save(self._answer)

    # Events of the engine

    def _on_model_state(self, state: ModelState) -> None:
        if state.status == "loading":
            for conversation_id in list(self._notices):  # they were about the previous model, context or template
                self.pop_notice(conversation_id)
        for conversation_id in list(self._queue):
            self.state_changed.emit(conversation_id)
        self.start_next()

    def _on_event(self, event: Event) -> None:
        answer = self._answer
        # Events of an abandoned request may still be in Qt's queue.
        if answer is None or getattr(event, "id", None) != answer.request_id:
            return
        match event:
            case ContextCut(left_out=left_out):
                self._set_left_out(answer, left_out)
                self._set_summarising(answer, self._summarised is not None and not self._summarised >= set(left_out))
            case Summarised(text=text):
                self._set_summarising(answer, False)
                self._save_summary(answer, text)
            case Prefill(done=done, total=total, seconds_left=seconds_left):
                if not self._knows_left_out:  # prefill without `ContextCut` before it: everything fits now
                    self._set_left_out(answer, ())
                self.prefill.emit(answer.conversation_id, done, total, seconds_left)
            case Thinking(text=text):
                self._on_thinking(answer, text)
            case Text(text=text):
                self._on_text(answer, text)
            case Done():
                self._on_done(answer, event)
            case Failed():
                self._on_failed(answer, event)

    def _on_thinking(self, answer: Answer, text: str) -> None:
        is_first = answer.message is None
        answer.add_thinking(text)
        self._announce_message(answer, is_first)
        self.thinking.emit(answer.message, text)

    def _on_text(self, answer: Answer, text: str) -> None:
        if answer.end_thinking():
            self.message_updated.emit(answer.snapshot)
        is_first = answer.message is None
        answer.add_text(text)
        self._announce_message(answer, is_first)
        self.text.emit(answer.message, text)

    def _announce_message(self, answer: Answer, is_first: bool) -> None:
        self._set_summarising(answer, False)  # the model may have had nothing to say of what was left out
        if is_first and answer.message is not None:
            self._unsaved.create_row(answer)
            self.message_added.emit(answer.message)

    def _on_done(self, answer: Answer, done: Done) -> None:
        is_first = answer.message is None
        answer.finish(done)
        self._announce_message(answer, is_first)
        self._finish(answer)
        info = self._host.state.info
        if info is not None:
            usage = self._gauge.after_answer(answer.conversation_id, done.stats.context_used, info.n_ctx)
            self.context_usage.emit(answer.conversation_id, usage)
        self.finished.emit(answer.conversation_id, done)
        if done.reason == "context_full":
            actions = (*self._policies_for(answer), "new_chat")
            self._set_notice(answer, Notice("context_full", "warn", {}, actions, ANSWER))
        self.start_next()

    def _on_failed(self, answer: Answer, failed: Failed) -> None:
        answer.end("error")
        self._finish(answer)
        actions: tuple[str, ...] = ()
        if failed.kind == "prompt_too_long":
            details = failed.details
            larger = int(details.get("n_ctx_train", 0)) > int(details.get("n_ctx", 0))
            policies = self._policies_for(answer) if details.get("fits_after_drop") else ()
            remedy = _REMEDIES.get(str(details.get("too_large")))
            if remedy is not None:
                policies = (remedy,)
            actions = (*policies, *(("larger_context",) if larger else ()), "edit_question")
        elif failed.kind == "template_error":
            actions = ("choose_template",)
        self._set_notice(answer, Notice.of(failed, actions=actions, key=ANSWER))
        self.start_next()

    def _set_notice(self, answer: Answer, notice: Notice) -> None:
        self._notices[answer.conversation_id] = (AnswerRequest(answer.conversation_id, answer.parent_id), notice)
        self.notice_changed.emit(answer.conversation_id)

    # The context

    def _policies_for(self, answer: Answer) -> tuple[str, ...]:
        """The context policies with which a conversation that has none yet can go on."""
        with contextlib.suppress(StoreError):
            return POLICIES if self._store.conversation(answer.conversation_id).overflow == "refuse" else ()
        return ()

    def _set_left_out(self, answer: Answer, indices: Sequence[int]) -> None:
        self._knows_left_out = True
        ids = [answer.message_ids[index] for index in indices]
        answer.left_out = tuple(message_id for message_id in ids if message_id is not None)
        with store_faults(self.notice.emit):
            if self._store.conversation(answer.conversation_id).left_out != answer.left_out:
                self._store.set_left_out(answer.conversation_id, answer.left_out)
                self.path_changed.emit(answer.conversation_id)

    def _set_summarising(self, answer: Answer, is_summarising: bool) -> None:
        if answer.is_summarising != is_summarising:
            answer.is_summarising = is_summarising
            self.state_changed.emit(answer.conversation_id)

    def _save_summary(self, answer: Answer, text: str) -> None:
        # Where the store refuses it, the next question is asked without, and the engine summarises again.
        with store_faults(self.notice.emit):
            self._store.save_summary(answer.left_out, text)
            self.path_changed.emit(answer.conversation_id)
