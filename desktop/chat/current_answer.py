"""The answer under way: from a stored question, through the events of the engine, to a stored answer.

Every answer is stored, however it ends: `UnsavedAnswers` holds what the store refuses until it accepts it. Which
question is next is for `AnswerQueue` to say.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.process.commands import Generate
from belle.engine.process.events import ContextCut, Done, Event, Failed, Prefill, Summarised, Text, Thinking
from belle.prompts import Message
from desktop.chat.answer import CHECKPOINT_S, Answer
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import RequestBuilder, up_to, with_answer
from desktop.chat.refusals import store_faults
from desktop.chat.state import ANSWER, POLICIES, AnswerRequest, Notice
from desktop.chat.unsaved import UnsavedAnswers
from desktop.store import Store, StoredConversation, StoredMessage, StoreError

if TYPE_CHECKING:
    from desktop.chat.documents.folders import DocumentFolders
    from desktop.chat.documents.grounding import Grounding
    from desktop.chat.strategies.answer_steps import AnswerSteps
    from desktop.chat.strategies.slow_mind import SlowMind

# Of the part of a prompt that leaves no room for the question.
_REMEDIES = {"pins": "unpin_all", "summary": "edit_summary", "system": "edit_system_prompt"}


class CurrentAnswer(QObject):
    """At most one answer under way.

    Args:
        store: has the question and gets the answer.
        host: generates it.
        unsaved: writes it to the store.
        prompts: make what is sent.
        documents: the folders that conversations have.
        slow: gives the model that a strategy may ask besides.
        ids: of the requests.
    """

    request_started = Signal(object)  # AnswerRequest
    message_added = Signal(object)  # StoredMessage
    message_updated = Signal(object)  # StoredMessage
    text = Signal(object, str)  # StoredMessage the text belongs to, more text
    thinking = Signal(object, str)  # StoredMessage, more of what the model thinks before it
    prefill = Signal(int, int, int, object)  # conversation, done, total, seconds left | None
    path_changed = Signal(int)  # conversation
    state_changed = Signal(int)  # conversation: whether it is answered here, or summarised first, has changed
    unanswered = Signal(object, str)  # AnswerRequest that ended without any text, its status
    question_notice = Signal(object, object)  # AnswerRequest, what there is to say about it: Notice | None
    finished = Signal(int, object)  # conversation, Done
    failed = Signal(int)  # conversation: its answer ended with an error or was interrupted
    freed = Signal()  # the next question can start
    notice = Signal(object)

    def __init__(
        self,
        store: Store,
        host: ModelHost,
        unsaved: UnsavedAnswers,
        prompts: RequestBuilder,
        *,
        documents: DocumentFolders,
        slow: Callable[[], SlowMind],
        ids: Iterator[int],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._slow = slow
        self._store, self._host, self._unsaved = store, host, unsaved
        self._prompts, self._documents, self._ids = prompts, documents, ids
        self._answer: Answer | None = None
        self._summarised: frozenset[int] | None = None  # indices that have a summary; None: none is made
        self._knows_left_out = False  # whether the engine has reported which messages are not in the prompt
        self._checkpoint_timer = QTimer(self, interval=int(CHECKPOINT_S * 1000))
        self._checkpoint_timer.timeout.connect(self.checkpoint)
        host.answer_event.connect(self._on_event)

    # State

    @property
    def is_free(self) -> bool:
        """Whether no answer is under way."""
        return self._answer is None

    def of(self, conversation_id: int) -> Answer | None:
        """The answer under way, if it is in this conversation."""
        answer = self._answer
        return answer if answer is not None and answer.conversation_id == conversation_id else None

    def path(self, conversation: StoredConversation) -> list[StoredMessage]:
        """The active path of the conversation, including what the store does not have yet. Raises StoreError."""
        path = self._store.active_path(conversation.id)
        under_way = self.of(conversation.id)
        for answer in [*self._unsaved.of(conversation.id), *([under_way] if under_way else [])]:
            path = with_answer(path, answer)
        return path

    # From the start to the end

    def start(self, question: AnswerRequest) -> None:
        """Answer a question; only while it `is_free` and the model is ready. Raises StoreError."""
        conversation = self._store.conversation(question.conversation_id)
        folder = self._documents.folder(conversation.id).value
        path = up_to(self.path(conversation), question.message_id)
        prompt = self._prompts.prompt(conversation, path)
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
        self.question_notice.emit(question, None)
        # Only now: if the store raises above, no answer is under way and the next question can start.
        self._answer = answer
        self._documents.embedding.pause()
        self._knows_left_out = not conversation.left_out
        self._summarised = frozenset(prompt.summarised) if conversation.overflow == "summarise" else None
        self._checkpoint_timer.start()
        self.state_changed.emit(conversation.id)
        request = replace(
            self._prompts.request(conversation, prompt),
            id=answer.request_id,
            messages=messages,
            continue_last=question.continued_id is not None,
        )
        if conversation.strategy.name != "plain" and question.continued_id is None:
            answer.is_stepped, answer.dialogue = True, {"strategy": conversation.strategy.name}
            if folder and not self._documents.state(folder).stopped:
                self._documents.update(folder)
            self._steps.begin(request, conversation, path, folder)
        elif folder or answer.documents:
            self._grounding.prepare(request, folder, path, answer.message, partial(self._send, answer))
        else:
            self._host.generate(request)

    def stop(self, conversation_id: int) -> None:
        """Have the engine stop the answer of a conversation."""
        answer = self.of(conversation_id)
        if answer is not None and not answer.stopping:
            answer.stopping = True
            if answer.is_stepped:
                self._steps.stop()
            else:
                self._host.stop(answer.request_id)

    def answer_now(self, conversation_id: int) -> None:
        """End the thought of the answer of a conversation; the answer itself comes next."""
        answer = self.of(conversation_id)
        if answer is not None:
            self._host.answer_now(answer.request_id)

    def abandon(self, status: str) -> None:
        """End the answer without waiting for the engine; its text so far is stored with `status`."""
        answer = self._answer
        if answer is None:
            return
        if answer.is_stepped:
            answer.dialogue = self._steps.record
            self._steps.drop()
        else:
            self._host.stop(answer.request_id)
        answer.end(status)
        self._finish(answer)
        # Later: the caller may be about to replace the model, which must not get the next question before that.
        QTimer.singleShot(0, self, self.freed.emit)

    def checkpoint(self) -> bool:
        """Store the text so far. False when the store refuses it."""
        return self._answer is None or self._unsaved.save(self._answer)

    @cached_property
    def _grounding(self) -> Grounding:
        from desktop.chat.documents.grounding import Grounding

        return Grounding(self._documents, self._host, self._ids, self)

    @cached_property
    def _steps(self) -> AnswerSteps:
        from desktop.chat.strategies.answer_steps import AnswerSteps

        steps = AnswerSteps(self._store, self._host, self._slow(), self._ids, self)
        steps.engine_event.connect(self._on_event)
        steps.provisional.connect(self._on_provisional)
        return steps

    def _send(self, answer: Answer, request: Generate, documents: Mapping[str, Any]) -> None:
        """Have a question answered that has got its passages, unless that was stopped meanwhile."""
        if answer is not self._answer:
            return
        answer.documents = documents
        if answer.stopping:
            answer.end("stopped")
            self._finish(answer)
            self.freed.emit()
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
            self.unanswered.emit(AnswerRequest(answer.conversation_id, answer.parent_id), answer.status)
            self.path_changed.emit(answer.conversation_id)  # shows again what `request_started` hid
        self.state_changed.emit(answer.conversation_id)
        if answer.status in ("error", "interrupted"):
            self.failed.emit(answer.conversation_id)

    # Events of the engine

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

    def _on_provisional(self, request_id: int, text: str) -> None:
        answer = self._answer
        if answer is not None and answer.request_id == request_id:
            is_first = answer.message is None
            answer.take_back(text)
            self._announce_message(answer, is_first)
            self.message_updated.emit(answer.snapshot)

    def _announce_message(self, answer: Answer, is_first: bool) -> None:
        self._set_summarising(answer, False)  # the model may have had nothing to say of what was left out
        if is_first and answer.message is not None:
            self._unsaved.create_row(answer)
            self.message_added.emit(answer.message)

    def _on_done(self, answer: Answer, done: Done) -> None:
        is_first = answer.message is None
        if answer.is_stepped:
            answer.dialogue = self._steps.record
        answer.finish(done)
        self._announce_message(answer, is_first)
        self._finish(answer)
        self.finished.emit(answer.conversation_id, done)
        if done.reason == "context_full":
            actions = (*self._policies_for(answer), "new_chat")
            self._set_notice(answer, Notice("context_full", "warn", {}, actions, ANSWER))
        self.freed.emit()

    def _on_failed(self, answer: Answer, failed: Failed) -> None:
        if answer.is_stepped:
            answer.dialogue = self._steps.record
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
        self.freed.emit()

    def _set_notice(self, answer: Answer, notice: Notice) -> None:
        self.question_notice.emit(AnswerRequest(answer.conversation_id, answer.parent_id), notice)

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
