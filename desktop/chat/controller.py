"""The one object the window talks to: every gesture is a method here, everything that happens is a signal.

A message goes composer → `send` → store (committed) → engine → `answer_text` → transcript. The controller knows which
conversation is open; `Answering` gets questions answered, `ModelControl` looks after the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal, SignalInstance

from desktop.chat.faults import store_faults
from desktop.chat.model_control import ModelControl
from desktop.chat.state import ModelChoice, ModelState, Notice, Question, Waiting
from desktop.settings import Settings
from desktop.store import Conversation, ConversationSummary, Message, SearchHit, Store, StoreError

# What belongs to the engine is imported when it is first needed: the window is painted before that.
if TYPE_CHECKING:
    from belle.engine.protocol import Done, Sampling
    from belle.prompts import Message as PromptMessage
    from desktop.chat.answering import Answering
    from desktop.chat.bridge import EngineFactory
    from desktop.chat.drafting import Drafting

_Read = TypeVar("_Read")


class ChatController(QObject):
    """Everything the window can do. Signals about messages concern the open conversation only."""

    conversations_changed = Signal()
    conversation_opened = Signal(object, object)  # Conversation | None, list[Message]
    path_changed = Signal(object, object)  # Conversation, list[Message]
    message_added = Signal(object)  # Message
    message_updated = Signal(object)  # Message
    answer_text = Signal(int, str)  # message id, more text
    answer_thinking = Signal(int, str)  # message id, more of what the model thinks before it
    prefill = Signal(int, int, object)  # done, total, seconds left | None
    busy_changed = Signal(bool)
    waiting_changed = Signal(str)  # state.Waiting
    model_changed = Signal(object)  # ModelState
    context_usage = Signal(int, int)  # tokens used, tokens there are
    speed = Signal(object)  # tokens per second | None
    notice = Signal(object)  # Notice
    notice_cleared = Signal(str)  # key
    template_needed = Signal(str)  # file name
    templates_listed = Signal(object)  # tuple[TemplateOption, ...]
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
        self._told: tuple[bool, Waiting] = (False, "")  # what the window shows of the open conversation
        self._knows_damage = False
        self._deleted: dict[str, int] = {}  # notice key -> conversation that can be brought back
        self._models = models = ModelControl(settings, engine_factory, self)
        models.state_changed.connect(self._on_model_state)
        models.template_needed.connect(self.template_needed)
        models.templates_listed.connect(self.templates_listed)
        models.answer_ends.connect(self._end_answer)
        models.notice.connect(self.notice)
        models.notice_cleared.connect(self.notice_cleared)

    @cached_property
    def _answering(self) -> Answering:
        from desktop.chat.answering import Answering

        answering = Answering(self._store, self._models.host, self._models.sampling, self._models.thinks, self)
        answering.asked.connect(self._show_up_to)
        answering.message_added.connect(self._if_open(self.message_added))
        answering.message_updated.connect(self._if_open(self.message_updated))
        answering.text.connect(self._on_text)
        answering.thinking.connect(self._on_thinking)
        answering.prefill.connect(self._on_prefill)
        answering.context_usage.connect(self._on_context_usage)
        answering.finished.connect(self._on_finished)
        answering.path_changed.connect(self._on_path_changed)
        answering.state_changed.connect(self._on_state_changed)
        answering.notice.connect(self.notice)
        answering.notice_cleared.connect(self.notice_cleared)
        return answering

    @cached_property
    def _drafting(self) -> Drafting:
        from desktop.chat.drafting import Drafting

        return Drafting(self._store, self.notice.emit, self.notice_cleared.emit, self._stored_id)

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
    def model_ref(self) -> str:
        """Catalogue name or path of the model that is there or being loaded; empty when there is none."""
        return self._models.ref

    @property
    def busy(self) -> bool:
        """An answer is being made in the open conversation."""
        return self._told[0]

    @property
    def system_prompt(self) -> str:
        """The system prompt of the open (or next) conversation."""
        return self._conversation.system_prompt if self._conversation else self._read(self._drafting.system_prompt, "")

    def summaries(self, limit: int = 100, before: ConversationSummary | None = None) -> list[ConversationSummary]:
        """A page of the conversation list; `before` is the last line of the page before."""
        return self._read(lambda: self._store.conversations(limit=limit, before=before), [])

    def search(self, text: str) -> list[SearchHit]:
        """Hits in titles and messages, newest first."""
        return self._read(lambda: self._store.search(text), [])

    def models(self) -> list[ModelChoice]:
        """The lines of the model menu."""
        return self._models.choices()

    @property
    def thinks(self) -> bool | None:
        """Whether the model is to think before it answers; None where it cannot be asked to."""
        info = self.model.info
        return self._models.thinks() is not False if info is not None and info.can_switch_thinking else None

    def set_thinking(self, on: bool) -> None:
        """Let the present model think before its answers, or not; remembered for this model."""
        self._models.set_thinking(on)

    def own_sampling(self) -> Sampling:
        """How the model's card says that it is to be sampled; the program's own figures where it says nothing."""
        return self._models.own_sampling()

    # Conversations

    def new_chat(self) -> None:
        """Show an empty conversation; it is written when its first message is sent."""
        self._drafting.flush()
        self._conversation = None
        self.conversation_opened.emit(None, [])
        self._tell_state()
        self.speed.emit(None)
        self._tell_context_usage()

    def open_conversation(self, conversation_id: int, message_id: int | None = None) -> None:
        """Show a conversation, on the path of `message_id` if given. What is asked elsewhere goes on."""
        self._drafting.flush()
        with store_faults(self.notice.emit):
            if message_id is not None and not self._answering.is_taken(conversation_id):
                self._store.show(message_id)
            conversation = self._store.conversation(conversation_id)
            path = self._answering.path(conversation)
            self._conversation = conversation
            self.conversation_opened.emit(conversation, path)
            self._tell_damage()
            self._tell_state()
            self.speed.emit(_speed_of(path))
            self._tell_context_usage()

    def rename(self, conversation_id: int, title: str) -> None:
        """Give a conversation a title of the person's own; an empty one is ignored."""
        if title.strip():
            self._change(conversation_id, lambda: self._store.rename(conversation_id, title.strip()))

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        """Keep a conversation at the top of the list."""
        self._change(conversation_id, lambda: self._store.set_pinned(conversation_id, pinned))

    def set_system_prompt(self, text: str) -> bool:
        """The system prompt of the open conversation, or of the one about to begin. False when it was not stored."""
        if self._conversation is None:
            self._drafting.set_system_prompt(text)
            return True
        conversation_id = self._conversation.id
        stored = self._change(conversation_id, lambda: self._store.set_system_prompt(conversation_id, text))
        self._tell_context_usage()
        return stored

    def delete(self, conversation_id: int) -> None:
        """Delete a conversation; a banner offers to bring it back."""
        with store_faults(self.notice.emit):
            title = self._store.conversation(conversation_id).title
            self._answering.leave(conversation_id)
            self._answering.settle(conversation_id)
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

    # What is being typed

    def draft(self, conversation_id: int | None) -> str:
        """What stands in the composer of a conversation; None is the one not begun yet."""
        return self._read(lambda: self._drafting.draft(conversation_id), "")

    def keep_draft(self, conversation_id: int | None, text: str) -> None:
        """The composer's text has changed; it is in the store a moment later."""
        self._drafting.set_draft(conversation_id, text)

    def edits(self) -> Mapping[int, str]:
        """The messages of the open conversation that are being edited, with what they say there."""
        if self._conversation is None:
            return {}
        place = self._conversation.id
        return self._read(lambda: self._drafting.edits(place), {})

    def keep_edit(self, message_id: int, text: str | None) -> None:
        """The text of an open editor has changed, or with None: it was closed without saving."""
        self._drafting.set_edit(message_id, text)

    # Messages

    def send(self, text: str) -> bool:
        """Store a question and have it answered. Returns False when it was not taken and the text must stay."""
        if not text.strip() or self._is_taken():
            return False
        stored = False
        with store_faults(self.notice.emit):
            before = self._conversation
            if before is not None:
                self._answering.settle(before.id)
            question = self._store.add_question(before, text, **({} if before else self._new_conversation(text)))
            stored = True
            self._drafting.sent(before.id if before else None)
            self._conversation = self._store.conversation(question.conversation_id)
            if question.parent_id is not None:
                self.message_added.emit(question)
            else:
                self.conversation_opened.emit(self._conversation, [question])
            self.conversations_changed.emit()
            self._answering.ask(Question(question.conversation_id, question.id))
        return stored

    def stop(self) -> None:
        """Stop the answer of the open conversation, or take back its question that waits."""
        if self._conversation is not None:
            self._answering.stop(self._conversation.id)

    def regenerate(self, message_id: int) -> None:
        """Answer again: another version beside `message_id`, or the missing answer to a question."""
        with store_faults(self.notice.emit):
            message = self._settled(message_id)
            question_id = message.id if message.role == "user" else message.parent_id
            if question_id is not None:
                self._answering.ask(Question(message.conversation_id, question_id))

    def edit(self, message_id: int, text: str) -> bool:
        """A new version of a message. A question is answered anew; of an answer only the text is kept.

        Returns False when it was not stored and the editor must stay.
        """
        if self._is_taken() or not text.strip():
            return False
        stored = False
        with store_faults(self.notice.emit):
            edited = self._store.add_version(self._settled(message_id).id, text)
            stored = True
            self._drafting.saved(message_id)
            self._show_path()
            self.conversations_changed.emit()
            if edited.role == "user":
                self._answering.ask(Question(edited.conversation_id, edited.id))
        return stored

    def continue_answer(self, message_id: int) -> None:
        """Go on with an answer that was cut off."""
        with store_faults(self.notice.emit):
            message = self._settled(message_id)
            if message.parent_id is not None and message.role == "assistant":
                self._answering.ask(Question(message.conversation_id, message.parent_id, message.id))

    def switch_version(self, message_id: int, step: int) -> None:
        """Show the version before (-1) or after (+1) this one."""
        if self._is_taken():
            return
        with store_faults(self.notice.emit):
            self._store.switch_version(self._settled(message_id).id, step)
            self._show_path()
            self._tell_context_usage()

    # The model

    def start(self, model: str = "") -> None:
        """What happens once the window is there: what was deleted goes for good, a model is loaded.

        That is `model` if it can be, else the one of last time.
        """
        if not self._store.is_read_only:
            # Until the program ends a deletion can be undone.
            with store_faults(self.notice.emit):
                self._store.purge_deleted(older_than_s=0)
        self._models.start(model)

    def load_model(self, ref: str) -> None:
        """Load a model by catalogue name or path. A file that cannot work is refused and the present one stays."""
        self._models.load(ref)

    def request_templates(self, messages: tuple[PromptMessage, ...]) -> None:
        """Ask for the prompt templates to choose from, each with `messages` as it writes them for the model."""
        self._models.request_templates(messages)

    def set_template(self, template: str) -> None:
        """Talk to the model with another prompt template; it is remembered for the file."""
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
                self._ask_again()
            case "smaller_context":
                self._models.change_context(0.5)
            case "edit_question":
                self._edit_question()
            case "restart_engine":
                self._models.reload()
            case "new_chat":
                self.new_chat()

    def close(self) -> None:
        """Write what there is of an answer and end the engine. The store stays open: its owner closes it."""
        if "_answering" in self.__dict__:
            self._answering.close()
        self._models.close()
        if "_drafting" in self.__dict__:
            self._drafting.close()

    def save(self) -> bool:
        """Write everything that is not in the store yet; False when it refuses. What it refused is tried again."""
        stored = self._drafting.flush() if "_drafting" in self.__dict__ else True
        return (self._answering.keep_all() if "_answering" in self.__dict__ else True) and stored

    def _drop_oldest(self) -> None:
        question = self._answering.noticed
        if question is None:
            return
        with store_faults(self.notice.emit):
            self._store.set_overflow(question.conversation_id, "drop_oldest")
            self._ask_again()

    def _ask_again(self) -> None:
        """Ask the question that the last notice was about, if it is still without an answer."""
        question = self._answering.noticed
        if question is None:
            return
        with store_faults(self.notice.emit):
            path = self._answering.path(self._store.conversation(question.conversation_id))
            if path and path[-1].id == question.message_id:
                self._answering.ask(question)

    def _edit_question(self) -> None:
        question = self._answering.noticed
        if question is not None:
            if not self._is_open(question.conversation_id):
                self.open_conversation(question.conversation_id)
            self.edit_requested.emit(question.message_id)

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

    def _on_thinking(self, message: Message, text: str) -> None:
        if self._is_open(message.conversation_id):
            self.answer_thinking.emit(message.id, text)

    def _on_prefill(self, conversation_id: int, done: int, total: int, seconds_left: float | None) -> None:
        if self._is_open(conversation_id):
            self.prefill.emit(done, total, seconds_left)

    def _on_context_usage(self, conversation_id: int, used: int, total: int) -> None:
        if self._is_open(conversation_id):
            self.context_usage.emit(used, total)

    def _on_finished(self, conversation_id: int, done: Done) -> None:
        if self._is_open(conversation_id):
            self.speed.emit(done.stats.tokens_per_s)
        self.conversations_changed.emit()

    def _on_path_changed(self, conversation_id: int) -> None:
        if self._is_open(conversation_id):
            with store_faults(self.notice.emit):
                self._show_path()

    def _on_state_changed(self, conversation_id: int) -> None:
        if self._is_open(conversation_id):
            self._tell_state()

    def _show_up_to(self, question: Question) -> None:
        if self._is_open(question.conversation_id):
            self._show_path(until=question.message_id)

    # Small things

    def _read(self, read: Callable[[], _Read], otherwise: _Read) -> _Read:
        try:
            found = read()
        except StoreError as error:
            self.notice.emit(Notice.of(error, key="store"))
            return otherwise
        self._tell_damage()
        return found

    def _tell_damage(self) -> None:
        """Say once that something cannot be read and is left out of what is shown."""
        if self._store.damage is not None and not self._knows_damage:
            self._knows_damage = True
            self.notice.emit(Notice.of(self._store.damage, key="store"))

    def _stored_id(self, message_id: int) -> int:
        return self._answering.stored_id(message_id)

    def _settled(self, message_id: int) -> Message:
        """A message, after the store has all of its conversation that is shown. Raises StoreError."""
        if self._conversation is not None:
            self._answering.settle(self._conversation.id)
        return self._store.message(self._answering.stored_id(message_id))

    def _is_taken(self) -> bool:
        return self._conversation is not None and self._answering.is_taken(self._conversation.id)

    def _tell_state(self) -> None:
        """Whether the open conversation is being answered, and what its question waits for."""
        place = self._conversation.id if self._conversation else 0
        before, self._told = self._told, (self._answering.is_answering(place), self._answering.waiting(place))
        if self._told[1] != before[1]:
            self.waiting_changed.emit(self._told[1])
        if self._told[0] != before[0]:
            self.busy_changed.emit(self._told[0])

    def _if_open(self, signal: SignalInstance) -> Callable[[Message], None]:
        def forward(message: Message) -> None:
            if self._is_open(message.conversation_id):
                signal.emit(message)

        return forward

    def _new_conversation(self, question: str) -> dict[str, str]:
        from desktop.chat.titles import title_of

        prompt = self._drafting.system_prompt()
        return {"title": title_of(question), "system_prompt": prompt, "model": self._models.ref}

    def _change(self, conversation_id: int, change: Callable[[], None]) -> bool:
        changed = False
        with store_faults(self.notice.emit):
            change()
            changed = True
            if self._is_open(conversation_id):
                self._conversation = self._store.conversation(conversation_id)
            self.conversations_changed.emit()
        return changed

    def _show_path(self, until: int | None = None) -> None:
        """Show the open conversation's path, up to and including the message `until`."""
        if self._conversation is None:
            return
        self._conversation = self._store.conversation(self._conversation.id)
        path = self._answering.path(self._conversation)
        ids = [message.id for message in path]
        if until in ids:
            path = path[: ids.index(until) + 1]
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


def _speed_of(path: list[Message]) -> float | None:
    """Tokens per second of the last answer."""
    speeds = [message.stats.get("tokens_per_s") for message in path if message.role == "assistant"]
    return speeds[-1] if speeds and isinstance(speeds[-1], int | float) else None
