"""Getting questions answered: one request at a time, from the stored question to the stored answer.

A question is in the store before it comes here, and every answer ends in the store, whatever ends it: what the store
refuses is kept (`Unsaved`) until it takes it. Each conversation may have one question under way; those that cannot be
asked yet wait in a line. Nothing here knows which conversation is on the screen: signals carry the conversation, the
controller decides what is shown.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.process.protocol import ContextCut, Done, Event, Failed, Generate, Prefill, Sampling, Text, Thinking
from belle.prompts import Message
from desktop.chat.answer import CHECKPOINT_S, Answer
from desktop.chat.context_gauge import ContextGauge
from desktop.chat.faults import store_faults
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import prompt_of, up_to, with_answer
from desktop.chat.refusals import Refusals
from desktop.chat.saved_states import state_name
from desktop.chat.state import ANSWER, AnswerRequest, ModelState, Notice, Waiting
from desktop.chat.unsaved import Unsaved
from desktop.store import Store, StoredConversation, StoredMessage, StoreError


class AnswerQueue(QObject):
    """The answer under way, the questions that wait, and what is to be said about each conversation's last one."""

    asked = Signal(object)  # AnswerRequest: what follows it on the path is out of sight from now on
    message_added = Signal(object)  # StoredMessage
    message_updated = Signal(object)  # StoredMessage
    text = Signal(object, str)  # StoredMessage the text belongs to, more text
    thinking = Signal(object, str)  # StoredMessage, more of what the model thinks before it
    prefill = Signal(int, int, int, object)  # conversation, done, total, seconds left | None
    path_changed = Signal(int)  # conversation: what is shown of it is to be read again
    context_usage = Signal(int, int, int)  # conversation, used, total
    finished = Signal(int, object)  # conversation, Done
    failed = Signal(int)  # conversation: its answer ended, and neither the model nor a person meant it to
    state_changed = Signal(int)  # conversation: whether it is answered, or why its question waits
    said = Signal(int)  # conversation: `notice_of` has changed
    notice = Signal(object)

    def __init__(
        self,
        store: Store,
        refusals: Refusals,
        host: ModelHost,
        sampling: Callable[[], Sampling],
        thinks: Callable[[], bool | None],
        *,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._thinks = thinks
        self._store = store
        self._host = host
        self._sampling = sampling
        self._ids = itertools.count(1)
        self._answer: Answer | None = None
        self._cut_is_known = False  # whether the engine has said where the context of this answer begins
        self._line: dict[int, AnswerRequest] = {}  # conversation -> its question, in the order in which they were asked
        self._said: dict[int, tuple[AnswerRequest, Notice]] = {}  # conversation -> why its last answer failed or is cut
        self._gauge = ContextGauge(store, host, self._ids)
        self._gauge.usage.connect(self.context_usage)
        self._gauge.all_fits.connect(self.path_changed)
        self._gauge.notice.connect(self.notice)
        self._unsaved = Unsaved(store, refusals)
        self._unsaved.stored.connect(self.path_changed)
        self._checkpoints = QTimer(self, interval=int(CHECKPOINT_S * 1000))
        self._checkpoints.timeout.connect(self._checkpoint)
        host.answer_event.connect(self._on_event)
        host.state_changed.connect(self._on_model_state)

    # What is going on

    def is_answering(self, conversation_id: int) -> bool:
        """An answer is being made there."""
        return self._answer is not None and self._answer.conversation_id == conversation_id

    def waiting(self, conversation_id: int) -> Waiting:
        """What a question of this conversation waits for; empty when none does."""
        if conversation_id not in self._line:
            return ""
        state = self._host.state
        if state.status == "loading":
            return "loading"
        if state.info is None:
            return "model"
        return "template" if state.info.template is None else "answer"

    def is_taken(self, conversation_id: int) -> bool:
        """An answer is being made there, or a question waits."""
        return self.is_answering(conversation_id) or conversation_id in self._line

    def path(self, conversation: StoredConversation) -> list[StoredMessage]:
        """The conversation's active path, with what the store does not have yet. Raises StoreError."""
        path = self._store.active_path(conversation.id)
        under_way = [self._answer] if self._answer and self._answer.conversation_id == conversation.id else []
        for answer in [*self._unsaved.of(conversation.id), *under_way]:
            path = with_answer(path, answer)
        return path

    def notice_of(self, conversation_id: int) -> Notice | None:
        """What is to be said while this conversation is open."""
        return self._said[conversation_id][1] if conversation_id in self._said else None

    def take_notice(self, conversation_id: int) -> AnswerRequest | None:
        """Say it no longer: it is dealt with. Returns the question that it was about."""
        question, _ = self._said.pop(conversation_id, (None, None))
        if question is not None:
            self.said.emit(conversation_id)
        return question

    def stored_id(self, message_id: int) -> int:
        """The number of a message in the store, also when it was shown before it had one."""
        return self._unsaved.stored_id(message_id)

    # What can be asked for

    def ask(self, question: AnswerRequest) -> None:
        """Have a question answered, now or when a model is ready and free. Raises StoreError."""
        if self.is_taken(question.conversation_id):
            return
        self.settle(question.conversation_id)
        if self._is_free():
            self._begin(question)
            return
        self._line[question.conversation_id] = question
        self.state_changed.emit(question.conversation_id)
        if self._host.state.status in ("none", "failed"):
            self.notice.emit(Notice("no_model", "warn", {}, ("choose_model",), "model"))

    def settle(self, conversation_id: int) -> None:
        """Make sure that the store has all that is shown of a conversation. Raises StoreError."""
        self._unsaved.settle(conversation_id)

    def stop(self, conversation_id: int) -> None:
        """Stop the answer of a conversation, or take back its question that waits."""
        answer = self._answer
        if conversation_id in self._line:
            question = self._line.pop(conversation_id)
            self._note_outcome(question, "stopped")
            self.state_changed.emit(conversation_id)
        elif answer and answer.conversation_id == conversation_id and not answer.stopping:
            answer.stopping = True
            self._host.stop(answer.request_id)

    def abandon(self, status: str) -> None:
        """End the answer without waiting for the engine's word; what has come is kept with `status`."""
        answer = self._answer
        if answer is None:
            return
        self._host.stop(answer.request_id)
        answer.end(status)
        self._end(answer)
        # Not before whoever ends it has done what they end it for: the model may be about to go.
        QTimer.singleShot(0, self, self.go_on)

    def leave(self, conversation_id: int) -> None:
        """Do nothing more for a conversation."""
        self.stop(conversation_id)
        if self.is_answering(conversation_id):
            self.abandon("stopped")

    def go_on(self) -> None:
        """Ask the next question in the line, if the model is free."""
        while self._line and self._is_free():
            question = self._line.pop(next(iter(self._line)))
            with store_faults(self.notice.emit):
                self._begin(question)
            self.state_changed.emit(question.conversation_id)

    def close(self) -> None:
        """Ask nothing more. The questions that wait stay in the store."""
        self._line.clear()
        self.abandon("interrupted")
        self._unsaved.close()

    def keep_all(self) -> bool:
        """Write everything there is into the store, the answer under way as far as it has come. False: it refused."""
        return self._checkpoint() and self._unsaved.retry()

    def count(self, conversation: StoredConversation) -> bool:
        """Ask how full the context is; answered by `context_usage`. False: not now. Raises StoreError."""
        info = self._host.state.info
        if info is None or info.template is None or self._answer is not None:
            return False
        self._gauge.count(conversation, self.path(conversation))
        return True

    # Beginning and end

    def _is_free(self) -> bool:
        info = self._host.state.info
        return self._answer is None and info is not None and info.template is not None

    def _begin(self, question: AnswerRequest) -> None:
        conversation = self._store.conversation(question.conversation_id)
        path = up_to(self.path(conversation), question.message_id)
        ids, messages = prompt_of(conversation, path)
        answer = Answer(next(self._ids), conversation.id, question.message_id, self._host.state.name, ids)
        if question.continued_id is not None:
            self._store.resume_answer(question.continued_id)
            answer.resume(self._store.message(question.continued_id))
            messages = (*messages, Message("assistant", answer.text))
            self.message_updated.emit(answer.shown)
        else:
            self.asked.emit(question)
        self.take_notice(conversation.id)
        self._answer = answer
        self._cut_is_known = conversation.context_start is None
        self._checkpoints.start()
        self.state_changed.emit(conversation.id)
        self._host.generate(
            Generate(
                id=answer.request_id,
                messages=messages,
                sampling=self._sampling(),
                continue_last=question.continued_id is not None,
                overflow=conversation.overflow,
                thinking=self._thinks(),
                conversation=state_name(conversation),
            )
        )

    def _end(self, answer: Answer) -> None:
        """The answer is over: into the store with it, and its conversation is free."""
        self._checkpoints.stop()
        self._answer = None
        self._unsaved.keep(answer)
        if answer.message is not None:
            self.message_updated.emit(answer.shown)
        else:
            self._note_outcome(AnswerRequest(answer.conversation_id, answer.parent_id), answer.status)
            self.path_changed.emit(answer.conversation_id)  # what was on the path before is in sight again
        self.state_changed.emit(answer.conversation_id)
        if answer.status in ("error", "interrupted"):
            self.failed.emit(answer.conversation_id)

    def _note_outcome(self, question: AnswerRequest, status: str) -> None:
        # For the words under the question only: when even that cannot be written, the person has been told why.
        with contextlib.suppress(StoreError):
            self._store.note_outcome(question.message_id, status)
            self.message_updated.emit(self._store.message(question.message_id))

    def _checkpoint(self) -> bool:
        if self._answer is None:
            return True
        return self._unsaved.keep(self._answer)

    # What the engine tells

    def _on_model_state(self, state: ModelState) -> None:
        if state.status == "loading":
            for conversation_id in list(self._said):  # true of the model, context or template before
                self.take_notice(conversation_id)
        for conversation_id in list(self._line):
            self.state_changed.emit(conversation_id)
        self.go_on()

    def _on_event(self, event: Event) -> None:
        answer = self._answer
        if answer is None or getattr(event, "id", None) != answer.request_id:
            return
        match event:
            case ContextCut(left_out=left_out):
                self._set_context_start(answer, answer.asked[left_out[-1] + 1])
            case Prefill(done=done, total=total, seconds_left=seconds_left):
                if not self._cut_is_known:
                    self._set_context_start(answer, None)
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
        begins = answer.message is None
        answer.think(text)
        self._tell_begin(answer, begins)
        self.thinking.emit(answer.message, text)

    def _on_text(self, answer: Answer, text: str) -> None:
        if answer.ends_thought():
            self.message_updated.emit(answer.shown)
        begins = answer.message is None
        answer.add(text)
        self._tell_begin(answer, begins)
        self.text.emit(answer.message, text)

    def _tell_begin(self, answer: Answer, begins: bool) -> None:
        if begins and answer.message is not None:
            self._unsaved.begin(answer)
            self.message_added.emit(answer.message)

    def _on_done(self, answer: Answer, done: Done) -> None:
        begins = answer.message is None
        answer.end_as_told(done)
        self._tell_begin(answer, begins)
        self._end(answer)
        info = self._host.state.info
        if info is not None:
            self.context_usage.emit(answer.conversation_id, done.stats.context_used, info.n_ctx)
        self.finished.emit(answer.conversation_id, done)
        if done.reason == "context_full":
            self._say(answer, Notice("context_full", "warn", {}, ("drop_oldest", "new_chat"), ANSWER))
        self.go_on()

    def _on_failed(self, answer: Answer, failed: Failed) -> None:
        answer.end("error")
        self._end(answer)
        actions: tuple[str, ...] = ()
        if failed.kind == "prompt_too_long":
            details = failed.details
            larger = int(details.get("n_ctx_train", 0)) > int(details.get("n_ctx", 0))
            drop = ("drop_oldest",) if details.get("fits_after_drop") else ()
            actions = (*drop, *(("larger_context",) if larger else ()), "edit_question")
        elif failed.kind == "template_error":
            actions = ("choose_template",)
        self._say(answer, Notice.of(failed, actions=actions, key=ANSWER))
        self.go_on()

    def _say(self, answer: Answer, notice: Notice) -> None:
        self._said[answer.conversation_id] = (AnswerRequest(answer.conversation_id, answer.parent_id), notice)
        self.said.emit(answer.conversation_id)

    # The context

    def _set_context_start(self, answer: Answer, message_id: int | None) -> None:
        self._cut_is_known = True
        with store_faults(self.notice.emit):
            self._store.set_context_start(answer.conversation_id, message_id)
            self.path_changed.emit(answer.conversation_id)
