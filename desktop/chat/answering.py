"""Getting questions answered: one request at a time, from the stored question to the stored answer.

A question is in the store before it comes here, and every answer ends in the store, whatever ends it. Nothing here
knows which conversation is on the screen: signals carry the conversation, the controller decides what is shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.protocol import ContextCut, Count, Counted, Done, Event, Failed, Generate, Prefill, Sampling, Text
from belle.prompts import Message as PromptMessage
from desktop.chat.answer import CHECKPOINT_S, Answer
from desktop.chat.faults import store_faults
from desktop.chat.model_host import ModelHost
from desktop.chat.state import ModelState, Notice, Question
from desktop.store import Conversation, Message, Store


class Answering(QObject):
    """The answer under way, or the question that waits for a model. `question` is the last one asked."""

    asked = Signal(object)  # Question: what follows it on the path is out of sight from now on
    message_added = Signal(object)  # Message
    message_updated = Signal(object)  # Message
    text = Signal(object, str)  # Message the text belongs to, more text
    prefill = Signal(int, int, int, object)  # conversation, done, total, seconds left | None
    context_cut = Signal(object)  # Question
    context_usage = Signal(int, int, int)  # conversation, used, total
    finished = Signal(object)  # Done
    nothing_came = Signal(int)  # conversation: what was on the path before is in sight again
    busy_changed = Signal(bool)
    waiting_changed = Signal(bool)
    notice = Signal(object)
    notice_cleared = Signal(str)

    def __init__(self, store: Store, host: ModelHost, sampling: Callable[[], Sampling], parent: QObject) -> None:
        super().__init__(parent)
        self._store = store
        self._host = host
        self._sampling = sampling
        self._ids = itertools.count(1)
        self._answer: Answer | None = None
        self._counting: tuple[int, int] | None = None  # request, conversation
        self._waiting: Question | None = None
        self.question: Question | None = None
        self._checkpoints = QTimer(self, interval=int(CHECKPOINT_S * 1000))
        self._checkpoints.timeout.connect(self._checkpoint)
        host.answer_event.connect(self._on_event)
        host.state_changed.connect(self._on_model_state)

    @property
    def busy(self) -> bool:
        """An answer is being made."""
        return self._answer is not None

    @property
    def waiting(self) -> bool:
        """A question waits for a model."""
        return self._waiting is not None

    @property
    def conversation_id(self) -> int | None:
        """The conversation that is being answered."""
        return self._answer.conversation_id if self._answer else None

    def ask(self, question: Question) -> None:
        """Have a question answered, now or as soon as a model is ready. Raises StoreError."""
        self.question = question
        info = self._host.state.info
        if info is None or info.template is None:
            self._wait(question)
            return
        self.notice_cleared.emit("answer")
        conversation = self._store.conversation(question.conversation_id)
        path = self._path_to(conversation, question.message_id)
        system, ids, messages = _prompt(conversation, path)
        answer = Answer(next(self._ids), conversation.id, question.message_id, self._host.state.name, [*system, *ids])
        if question.continued_id is not None:
            self._store.resume_answer(question.continued_id)
            message = self._store.message(question.continued_id)
            answer.message, answer.text = message, message.text
            messages = (*messages, PromptMessage("assistant", message.text))
            self.message_updated.emit(message)
        else:
            self.asked.emit(question)
        self._answer = answer
        self._checkpoints.start()
        self.busy_changed.emit(True)
        self._host.generate(
            Generate(
                id=answer.request_id,
                messages=messages,
                sampling=self._sampling(),
                continue_last=question.continued_id is not None,
                overflow=conversation.overflow,
            )
        )

    def ask_again(self) -> None:
        """Ask the last question once more, if it is still without an answer. Raises StoreError."""
        if self.question and not self.busy:
            self.ask(self.question)

    def stop(self) -> None:
        """Stop the answer; take back a question that waits."""
        if self._waiting is not None:
            self.withdraw()
        elif self._answer and not self._answer.stopping:
            self._answer.stopping = True
            self._host.stop(self._answer.request_id)

    def withdraw(self) -> None:
        """Let a waiting question wait no longer. It stays in the store."""
        if self._waiting is not None:
            self._waiting = None
            self.waiting_changed.emit(False)

    def abandon(self, status: str) -> None:
        """End the answer without waiting for the engine's word; what has come is kept with `status`."""
        answer = self._answer
        if answer is None:
            return
        self._host.stop(answer.request_id)
        with store_faults(self.notice.emit, "disk"):
            message = answer.finish(self._store, status)
            if message is not None:
                self.message_updated.emit(message)
        self._forget(answer)

    def path(self, conversation: Conversation) -> list[Message]:
        """The conversation's active path, the answer under way as far as it has come. Raises StoreError."""
        path = self._store.active_path(conversation.id)
        answer = self._answer
        if answer and answer.message is not None:
            shown = answer.message.id
            path = [replace(m, text=answer.text) if m.id == shown else m for m in path]
        return path

    def count(self, conversation: Conversation) -> None:
        """Ask how full the context is; answered by `context_usage`. Raises StoreError."""
        info = self._host.state.info
        if info is None or info.template is None or self.busy:
            return
        path = self._store.active_path(conversation.id)
        if path:
            self._counting = (next(self._ids), conversation.id)
            self._host.count(Count(self._counting[0], _prompt(conversation, path)[2]))

    def _wait(self, question: Question) -> None:
        self._waiting = question
        self.waiting_changed.emit(True)
        if self._host.state.status in ("none", "failed"):
            self.notice.emit(Notice("no_model", "warn", {}, ("choose_model",), "model"))

    def _path_to(self, conversation: Conversation, message_id: int) -> list[Message]:
        path = self.path(conversation)
        return path[: [m.id for m in path].index(message_id) + 1]

    def _on_model_state(self, state: ModelState) -> None:
        if self._waiting and state.info is not None and state.info.template is not None:
            question = self._waiting
            self.withdraw()
            with store_faults(self.notice.emit):
                self.ask(question)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Counted):
            if self._counting and self._counting[0] == event.id:
                self.context_usage.emit(self._counting[1], event.tokens, event.n_ctx)
            return
        answer = self._answer
        if answer is None or getattr(event, "id", None) != answer.request_id:
            return
        match event:
            case Prefill(done=done, total=total, seconds_left=seconds_left):
                self.prefill.emit(answer.conversation_id, done, total, seconds_left)
            case Text(text=text):
                self._on_text(answer, text)
            case ContextCut(first_kept=first_kept):
                with store_faults(self.notice.emit):
                    self._store.set_context_start(answer.conversation_id, answer.asked[first_kept])
                    self.context_cut.emit(Question(answer.conversation_id, answer.parent_id))
            case Done():
                self._on_done(answer, event)
            case Failed():
                self._on_failed(event)

    def _on_text(self, answer: Answer, text: str) -> None:
        with store_faults(self.notice.emit, "disk"):
            if answer.add(self._store, text) and answer.message is not None:
                self.message_added.emit(answer.message)
        if answer.message is not None:
            self.text.emit(answer.message, text)

    def _on_done(self, answer: Answer, done: Done) -> None:
        known = answer.message is not None
        with store_faults(self.notice.emit, "disk"):
            message = answer.finish_done(self._store, done)
            if message is not None:
                (self.message_updated if known else self.message_added).emit(message)
        self._forget(answer)
        info = self._host.state.info
        if info is not None:
            self.context_usage.emit(answer.conversation_id, done.stats.context_used, info.n_ctx)
        self.finished.emit(done)
        if done.reason == "context_full":
            self.notice.emit(Notice("context_full", "warn", {}, ("drop_oldest", "new_chat"), "answer"))

    def _on_failed(self, failed: Failed) -> None:
        self.abandon("error")
        actions: tuple[str, ...] = ()
        if failed.kind == "prompt_too_long":
            details = failed.details
            larger = int(details.get("n_ctx_train", 0)) > int(details.get("n_ctx", 0))
            drop = ("drop_oldest",) if details.get("fits_after_drop") else ()
            actions = (*drop, *(("larger_context",) if larger else ()), "edit_question")
        self.notice.emit(Notice.of(failed, actions=actions, key="answer"))

    def _forget(self, answer: Answer) -> None:
        self._checkpoints.stop()
        self._answer = None
        if answer.message is None:
            self.nothing_came.emit(answer.conversation_id)
        self.busy_changed.emit(False)

    def _checkpoint(self) -> None:
        if self._answer:
            with store_faults(self.notice.emit, "disk"):
                self._answer.checkpoint(self._store)


def _prompt(
    conversation: Conversation, path: list[Message]
) -> tuple[list[int | None], list[int | None], tuple[PromptMessage, ...]]:
    """What the model is shown of a path: the id-less system message, if any, the ids of the rest, and all texts."""
    ids = [m.id for m in path]
    if conversation.context_start in ids:
        path = path[ids.index(conversation.context_start) :]
    messages = tuple(PromptMessage(m.role, m.text) for m in path)
    rest: list[int | None] = [m.id for m in path]
    if conversation.system_prompt.strip():
        return [None], rest, (PromptMessage("system", conversation.system_prompt), *messages)
    return [], rest, messages
