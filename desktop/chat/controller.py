"""The one object the window talks to: every gesture is a method here, everything that happens is a signal.

A message goes composer → `send` → store (committed) → engine → `answer_text` → transcript. The controller knows which
conversation is open; `Answering` gets questions answered, `ModelControl` looks after the model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal, SignalInstance

from desktop.chat.faults import store_faults
from desktop.chat.model_control import ModelControl
from desktop.chat.state import ModelChoice, ModelState, Notice, Question
from desktop.settings import Settings
from desktop.store import Conversation, ConversationSummary, Message, SearchHit, Store, StoreError

# What belongs to the engine is imported when it is first needed: the window is painted before that.
if TYPE_CHECKING:
    from belle.engine.protocol import Done, Sampling
    from desktop.chat.answering import Answering
    from desktop.chat.bridge import EngineFactory

_Row = TypeVar("_Row")


class ChatController(QObject):
    """Everything the window can do. Signals about messages concern the open conversation only."""

    conversations_changed = Signal()
    conversation_opened = Signal(object, object)  # Conversation | None, list[Message]
    path_changed = Signal(object, object)  # Conversation, list[Message]
    message_added = Signal(object)  # Message
    message_updated = Signal(object)  # Message
    answer_text = Signal(int, str)  # message id, more text
    prefill = Signal(int, int, object)  # done, total, seconds left | None
    busy_changed = Signal(bool)
    waiting_changed = Signal(bool)
    model_changed = Signal(object)  # ModelState
    context_usage = Signal(int, int)  # tokens used, tokens there are
    speed = Signal(object)  # tokens per second | None
    notice = Signal(object)  # Notice
    notice_cleared = Signal(str)  # key
    template_needed = Signal(str)  # file name
    edit_requested = Signal(int)  # message id: open its editor

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        engine_factory: EngineFactory | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._conversation: Conversation | None = None
        self._new_system_prompt = ""
        self._deleted: dict[str, int] = {}  # notice key -> conversation that can be brought back
        self._models = models = ModelControl(settings, engine_factory, self)
        models.state_changed.connect(self._on_model_state)
        models.template_needed.connect(self.template_needed)
        models.answer_ends.connect(self._end_answer)
        models.notice.connect(self.notice)
        models.notice_cleared.connect(self.notice_cleared)

    @cached_property
    def _answering(self) -> Answering:
        from desktop.chat.answering import Answering

        answering = Answering(self._store, self._models.host, self._models.sampling, self)
        answering.asked.connect(self._show_up_to)
        answering.context_cut.connect(self._show_up_to)
        answering.message_added.connect(self._if_open(self.message_added))
        answering.message_updated.connect(self._if_open(self.message_updated))
        answering.text.connect(self._on_text)
        answering.prefill.connect(self._on_prefill)
        answering.context_usage.connect(self._on_context_usage)
        answering.finished.connect(self._on_finished)
        answering.nothing_came.connect(lambda c: self._show_path() if self._is_open(c) else None)
        answering.busy_changed.connect(self.busy_changed)
        answering.waiting_changed.connect(self.waiting_changed)
        answering.notice.connect(self.notice)
        answering.notice_cleared.connect(self.notice_cleared)
        return answering

    # What the window reads

    @property
    def conversation(self) -> Conversation | None:
        """The open conversation; None while a new one has no message yet."""
        return self._conversation

    @property
    def model(self) -> ModelState:
        """The model as it is now."""
        return self._models.state

    @property
    def busy(self) -> bool:
        """An answer is being made."""
        return "_answering" in self.__dict__ and self._answering.busy

    @property
    def system_prompt(self) -> str:
        """The system prompt of the open (or next) conversation."""
        return self._conversation.system_prompt if self._conversation else self._new_system_prompt

    def summaries(self, limit: int = 100, before: ConversationSummary | None = None) -> list[ConversationSummary]:
        """A page of the conversation list; `before` is the last line of the page before."""
        return self._read(lambda: self._store.conversations(limit=limit, before=before))

    def search(self, text: str) -> list[SearchHit]:
        """Hits in titles and messages, newest first."""
        return self._read(lambda: self._store.search(text))

    def models(self) -> list[ModelChoice]:
        """The lines of the model menu."""
        return self._models.choices()

    def own_sampling(self) -> Sampling:
        """How the model's card says that it is to be sampled; the program's own figures where it says nothing."""
        return self._models.own_sampling()

    # Conversations

    def new_chat(self) -> None:
        """Show an empty conversation; it is written when its first message is sent."""
        self._conversation = None
        self._new_system_prompt = ""
        self._answering.withdraw()
        self.conversation_opened.emit(None, [])
        self._tell_context_usage()

    def open_conversation(self, conversation_id: int, message_id: int | None = None) -> None:
        """Show a conversation, on the path of `message_id` if given. An answer under way elsewhere goes on."""
        with store_faults(self.notice.emit):
            if message_id is not None and not self.busy:
                self._store.show(message_id)
            conversation = self._store.conversation(conversation_id)
            path = self._answering.path(conversation)
            self._answering.withdraw()
            self._conversation = conversation
            self.conversation_opened.emit(conversation, path)
            self._tell_context_usage()

    def rename(self, conversation_id: int, title: str) -> None:
        """Give a conversation a title of the person's own; an empty one is ignored."""
        if title.strip():
            self._change(conversation_id, lambda: self._store.rename(conversation_id, title.strip()))

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Keep a conversation at the top of the list."""
        self._change(conversation_id, lambda: self._store.set_pinned(conversation_id, pinned))

    def set_system_prompt(self, text: str) -> None:
        """The system prompt of the open conversation, or of the one about to begin."""
        if self._conversation is None:
            self._new_system_prompt = text
            return
        conversation_id = self._conversation.id
        self._change(conversation_id, lambda: self._store.set_system_prompt(conversation_id, text))
        self._tell_context_usage()

    def delete(self, conversation_id: int) -> None:
        """Delete a conversation; a banner offers to bring it back."""
        with store_faults(self.notice.emit):
            title = self._store.conversation(conversation_id).title
            if self._answering.conversation_id == conversation_id:
                self._answering.abandon("stopped")
            self._store.delete_conversation(conversation_id)
            key = f"deleted-{conversation_id}"
            self._deleted[key] = conversation_id
            if self._is_open(conversation_id):
                self.new_chat()
            self.conversations_changed.emit()
            self.notice.emit(Notice("deleted", "info", {"title": title}, ("undo",), key))

    def undo_delete(self, conversation_id: int) -> None:
        """Bring a deleted conversation back and show it."""
        with store_faults(self.notice.emit):
            self._store.restore_conversation(conversation_id)
            self.conversations_changed.emit()
            self.open_conversation(conversation_id)

    # Messages

    def send(self, text: str) -> bool:
        """Store a question and have it answered. Returns False when it was not taken and the text must stay."""
        if not text.strip() or self._answering.busy or self._answering.waiting:
            return False
        stored = False
        with store_faults(self.notice.emit):
            conversation = self._conversation or self._begin_conversation(text)
            path = self._store.active_path(conversation.id)
            question = self._store.add_message(conversation.id, path[-1].id if path else None, "user", text)
            stored = True
            self._conversation = self._store.conversation(conversation.id)
            if path:
                self.message_added.emit(question)
            else:
                self.conversation_opened.emit(self._conversation, [question])
            self.conversations_changed.emit()
            self._answering.ask(Question(conversation.id, question.id))
        return stored

    def stop(self) -> None:
        """Stop the answer, or let a question that waits for the model wait no longer."""
        self._answering.stop()

    def regenerate(self, message_id: int) -> None:
        """Answer again: another version beside `message_id`, or the missing answer to a question."""
        with store_faults(self.notice.emit):
            message = self._store.message(message_id)
            question_id = message_id if message.role == "user" else message.parent_id
            if question_id is not None and not self.busy:
                self._answering.ask(Question(message.conversation_id, question_id))

    def edit(self, message_id: int, text: str) -> None:
        """A new version of a message. A question is answered anew; of an answer only the text is kept."""
        if self.busy or not text.strip():
            return
        with store_faults(self.notice.emit):
            message = self._store.message(message_id)
            edited = self._store.add_message(message.conversation_id, message.parent_id, message.role, text)
            self._show_path()
            self.conversations_changed.emit()
            if message.role == "user":
                self._answering.ask(Question(message.conversation_id, edited.id))

    def continue_answer(self, message_id: int) -> None:
        """Go on with an answer that was cut off."""
        with store_faults(self.notice.emit):
            message = self._store.message(message_id)
            if message.parent_id is not None and message.role == "assistant" and not self.busy:
                self._answering.ask(Question(message.conversation_id, message.parent_id, message_id))

    def switch_version(self, message_id: int, step: int) -> None:
        """Show the version before (-1) or after (+1) this one."""
        if self.busy:
            return
        with store_faults(self.notice.emit):
            self._store.switch_version(message_id, step)
            self._show_path()
            self._tell_context_usage()

    # The model

    def start(self) -> None:
        """What happens once the window is there: what was deleted goes for good, the model of last time is loaded."""
        # Until the program ends a deletion can be undone.
        with store_faults(self.notice.emit):
            self._store.purge_deleted(older_than_s=0)
        self._models.start()

    def load_model(self, ref: str) -> None:
        """Load a model by catalogue name or path. A file that cannot work is refused and the present one stays."""
        self._models.load(ref)

    def set_template(self, template: str) -> None:
        """The person's answer to `template_needed`; it is remembered for the file."""
        self._models.set_template(template)

    def unload_model(self) -> None:
        """Give the model's memory back."""
        self._models.unload()

    def apply_settings(self) -> None:
        """Settings that belong to loading (context length, threads) have changed: load again with them."""
        self._models.apply_settings()

    def act(self, key: str, action: str) -> None:
        """A banner's button was pressed."""
        self.notice_cleared.emit(key)
        match action:
            case "undo":
                self.undo_delete(self._deleted.pop(key))
            case "drop_oldest":
                self._drop_oldest()
            case "larger_context":
                self._models.change_context(2.0)
                with store_faults(self.notice.emit):
                    self._answering.ask_again()
            case "smaller_context":
                self._models.change_context(0.5)
            case "edit_question":
                if self._answering.question:
                    self.edit_requested.emit(self._answering.question.message_id)
            case "restart_engine":
                self._models.reload()
            case "new_chat":
                self.new_chat()

    def close(self) -> None:
        """Write what there is of an answer and end the engine. The store stays open: its owner closes it."""
        self._models.close()

    def _drop_oldest(self) -> None:
        question = self._answering.question
        if question is None:
            return
        with store_faults(self.notice.emit):
            self._store.set_overflow(question.conversation_id, "drop_oldest")
            if self._store.active_path(question.conversation_id)[-1].id == question.message_id:
                self._answering.ask_again()

    # What comes from below

    def _end_answer(self, status: str) -> None:
        self._answering.abandon(status)

    def _on_model_state(self, state: ModelState) -> None:
        self.model_changed.emit(state)
        if state.info is not None and state.info.template is not None:
            self._tell_context_usage()
        else:
            self.speed.emit(None)

    def _on_text(self, message: Message, text: str) -> None:
        if self._is_open(message.conversation_id):
            self.answer_text.emit(message.id, text)

    def _on_prefill(self, conversation_id: int, done: int, total: int, seconds_left: float | None) -> None:
        if self._is_open(conversation_id):
            self.prefill.emit(done, total, seconds_left)

    def _on_context_usage(self, conversation_id: int, used: int, total: int) -> None:
        if self._is_open(conversation_id):
            self.context_usage.emit(used, total)

    def _on_finished(self, done: Done) -> None:
        self.speed.emit(done.stats.tokens_per_s)
        self.conversations_changed.emit()

    def _show_up_to(self, question: Question) -> None:
        if self._is_open(question.conversation_id):
            self._show_path(until=question.message_id)

    # Small things

    def _read(self, read: Callable[[], list[_Row]]) -> list[_Row]:
        try:
            return read()
        except StoreError as error:
            self.notice.emit(Notice.of(error, key="store"))
            return []

    def _if_open(self, signal: SignalInstance) -> Callable[[Message], None]:
        def forward(message: Message) -> None:
            if self._is_open(message.conversation_id):
                signal.emit(message)

        return forward

    def _begin_conversation(self, question: str) -> Conversation:
        from desktop.chat.titles import title_of

        return self._store.create_conversation(
            title=title_of(question), system_prompt=self._new_system_prompt, model=self._models.ref
        )

    def _change(self, conversation_id: int, change: Callable[[], None]) -> None:
        with store_faults(self.notice.emit):
            change()
            if self._is_open(conversation_id):
                self._conversation = self._store.conversation(conversation_id)
            self.conversations_changed.emit()

    def _show_path(self, until: int | None = None) -> None:
        """Show the open conversation's path, up to and including the message `until`."""
        if self._conversation is None:
            return
        self._conversation = self._store.conversation(self._conversation.id)
        path = self._answering.path(self._conversation)
        if until is not None:
            path = path[: [m.id for m in path].index(until) + 1]
        self.path_changed.emit(self._conversation, path)

    def _is_open(self, conversation_id: int) -> bool:
        return self._conversation is not None and self._conversation.id == conversation_id

    def _tell_context_usage(self) -> None:
        info = self._models.state.info
        if info is None:
            return
        if self._conversation is None:
            self.context_usage.emit(0, info.n_ctx)
            return
        with store_faults(self.notice.emit):
            self._answering.count(self._conversation)
