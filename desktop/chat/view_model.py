"""The state that the window shows: the open conversation, and the signals for everything that changes.

`ChatController` adds what a person can do. Signals of `AnswerQueue` about other conversations are not passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, Signal, SignalInstance

from desktop.chat.model_control import ModelControl
from desktop.chat.refusals import Refusals, read_or, store_faults
from desktop.chat.state import ANSWER, AnswerRequest, ContextUsage, ModelState, Notice, Waiting
from desktop.settings import Settings
from desktop.store import Store, StoredConversation, StoredMessage
from desktop.store.instructions.projects import filled

# What belongs to the engine is imported when it is first needed: the window is painted before that.
if TYPE_CHECKING:
    from belle.engine.process.events import Done
    from desktop.chat.answer_queue import AnswerQueue
    from desktop.chat.documents.conversation import ConversationDocuments
    from desktop.chat.documents.folders import DocumentFolders
    from desktop.chat.drafting import Drafting
    from desktop.chat.instructions.facts import FactControl
    from desktop.chat.instructions.personas import PersonaControl
    from desktop.chat.instructions.projects import ProjectControl
    from desktop.chat.model_host import EngineFactory
    from desktop.chat.strategies.control import StrategyControl
    from desktop.chat.strategies.slow_mind import SlowMind

_Read = TypeVar("_Read")


class ChatViewModel(QObject):
    """The open conversation, and the signals. Those about messages are about the open conversation only."""

    conversations_changed = Signal()
    conversation_opened = Signal(object, object)  # StoredConversation | None, list[StoredMessage]
    path_changed = Signal(object, object)  # StoredConversation, list[StoredMessage]
    message_added = Signal(object)  # StoredMessage
    message_updated = Signal(object)  # StoredMessage
    answer_text = Signal(int, str)  # message id, more text
    answer_thinking = Signal(int, str)  # message id, more thinking
    prefill = Signal(int, int, object)  # done, total, seconds left | None
    busy_changed = Signal(bool)
    waiting_changed = Signal(str)  # state.Waiting
    model_changed = Signal(object)  # ModelState
    context_usage = Signal(object)  # ContextUsage
    speed = Signal(object)  # tokens per second | None
    notice = Signal(object)  # Notice
    notice_cleared = Signal(str)  # key
    template_needed = Signal(str)  # file name
    templates_listed = Signal(object)  # tuple[TemplateOption, ...]
    engine_died = Signal(str, object, str)  # kind, exit status | None, last lines of its stderr
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
        self._settings = settings
        self._engine_factory = engine_factory
        self._conversation: StoredConversation | None = None
        self._usage = ContextUsage()  # as emitted last
        self._shown_state: tuple[bool, Waiting] = (False, "")  # busy, waiting: as emitted last
        self._failed: set[int] = set()  # conversations with a failed answer, not opened since
        self._damage_reported = False
        self._refusals = Refusals(store, self.notice.emit, self.notice_cleared.emit)
        self.models = models = ModelControl(settings, engine_factory, self)
        """Lists and loads models."""
        models.state_changed.connect(self._on_model_state)
        models.template_needed.connect(self.template_needed)
        models.templates_listed.connect(self.templates_listed)
        models.answer_ends.connect(self._end_answer)
        models.died.connect(self.engine_died)
        models.notice.connect(self.notice)
        models.notice_cleared.connect(self.notice_cleared)

    @cached_property
    def answers(self) -> AnswerQueue:
        """Has the questions answered, in this conversation and in others."""
        from desktop.chat.answer_queue import AnswerQueue

        queue = AnswerQueue(
            self._store,
            self._refusals,
            self.models.host,
            self.models.sampling,
            self.models.wants_thinking,
            system_prompt=self._system_prompt_of,
            model=self.projects,
            documents=self.folders,
            slow=lambda: self.slow_mind,
            parent=self,
        )
        queue.request_started.connect(self._show_up_to)
        queue.message_added.connect(self._if_open(self.message_added))
        queue.message_updated.connect(self._if_open(self.message_updated))
        queue.text.connect(self._on_text)
        queue.thinking.connect(self._on_thinking)
        queue.prefill.connect(self._on_prefill)
        queue.context_usage.connect(self._on_context_usage)
        queue.finished.connect(self._on_finished)
        queue.failed.connect(self._on_failed)
        queue.path_changed.connect(self._on_path_changed)
        queue.state_changed.connect(self._on_state_changed)
        queue.notice_changed.connect(self._on_notice_changed)
        queue.notice.connect(self.notice)
        return queue

    @cached_property
    def drafting(self) -> Drafting:
        """What a person is typing, on its way into the store."""
        from desktop.chat.drafting import Drafting

        return Drafting(self._store, self._refusals, self._stored_id, self.notice.emit)

    @cached_property
    def folders(self) -> DocumentFolders:
        """The folders of documents that conversations have."""
        from desktop.chat.documents.folders import DocumentFolders

        return DocumentFolders(self._store, self, of_project=self.projects.folder)

    @cached_property
    def projects(self) -> ProjectControl:
        """The projects, and what holds in the open conversation."""
        from desktop.chat.instructions.projects import ProjectControl

        projects = ProjectControl(self._store, self.models, lambda: self._conversation, self.notice.emit, self)
        projects.changed.connect(self._on_projects_changed)
        projects.list_changed.connect(self.conversations_changed)
        return projects

    @cached_property
    def personas(self) -> PersonaControl:
        """The personas to choose from."""
        from desktop.chat.instructions.personas import PersonaControl

        return PersonaControl(self._store, self.notice.emit, self)

    @cached_property
    def facts(self) -> FactControl:
        """What the person wants the model to remember about them."""
        from desktop.chat.instructions.facts import FactControl

        facts = FactControl(
            self._store,
            self._settings,
            conversation=lambda: self._conversation,
            new_project_uses=self._new_project_uses_facts,
            notify=self.notice.emit,
            parent=self,
        )
        facts.changed.connect(self._on_projects_changed)
        return facts

    @cached_property
    def documents(self) -> ConversationDocuments:
        """The documents of the open conversation."""
        from desktop.chat.documents.conversation import ConversationDocuments

        return ConversationDocuments(self.folders, lambda: self._conversation, self.notice.emit, self)

    @cached_property
    def strategies(self) -> StrategyControl:
        """How answers come about in the open conversation."""
        from desktop.chat.strategies.control import StrategyControl

        return StrategyControl(
            self._store,
            conversation=lambda: self._conversation,
            path=self.answers.path,
            reread=self._on_projects_changed,
            notify=self.notice.emit,
            parent=self,
        )

    @cached_property
    def slow_mind(self) -> SlowMind:
        """A second model, which a strategy may ask."""
        from desktop.chat.strategies.slow_mind import SlowMind

        return SlowMind(self._settings, self._engine_factory, self)

    @property
    def model(self) -> ModelState:
        """The present state of the model."""
        return self.models.state

    @property
    def conversation(self) -> StoredConversation | None:
        """The open conversation; None while a new one has no message yet."""
        return self._conversation

    @property
    def usage(self) -> ContextUsage:
        """How full the context of the open conversation is, as far as it is known."""
        return self._usage

    @property
    def busy(self) -> bool:
        """Whether an answer is being generated in the open conversation."""
        return self._shown_state[0]

    def has_failed(self, conversation_id: int) -> bool:
        """Whether an answer failed there while it was not open, and it has not been opened since."""
        return conversation_id in self._failed

    # For the parts of the controller

    def has_request(self) -> bool:
        """Whether a question of the open conversation is being answered, or waits."""
        return self._conversation is not None and self.answers.has_request(self._conversation.id)

    def is_open(self, conversation_id: int) -> bool:
        """Whether a conversation is the open one."""
        return self._conversation is not None and self._conversation.id == conversation_id

    def show_conversation(self, conversation: StoredConversation | None, path: list[StoredMessage]) -> None:
        """Make a conversation the open one, and emit all that the window shows of it; None: the new one."""
        self._conversation = conversation
        if conversation is not None:
            self._failed.discard(conversation.id)
        self.conversation_opened.emit(conversation, path)
        self.report_damage()
        self._emit_state()
        self._emit_notice()
        self.speed.emit(_speed_of(path))
        self.emit_context_usage()

    def show_question(self, question: StoredMessage) -> None:
        """Show a question that was just stored; its conversation is the open one. Raises StoreError."""
        self._conversation = self._store.conversation(question.conversation_id)
        if question.parent_id is not None:
            self.message_added.emit(question)
        else:
            self.conversation_opened.emit(self._conversation, [question])
        self.conversations_changed.emit()

    def show_path(self, until: int | None = None) -> None:
        """Show the open conversation's path, up to and including the message `until`."""
        if self._conversation is None:
            return
        self._conversation = self._store.conversation(self._conversation.id)
        path = self.answers.path(self._conversation)
        ids = [message.id for message in path]
        if until in ids:
            path = path[: ids.index(until) + 1]
        self.path_changed.emit(self._conversation, path)

    def emit_context_usage(self) -> None:
        """Emit how full the context is, or count it first; the new conversation is read ahead."""
        info = self.models.state.info
        if info is None:
            return
        if self._conversation is None:
            self._set_usage(ContextUsage(0, info.n_ctx))
            with store_faults(self.notice.emit):
                self.answers.read_ahead(self._new_system_prompt())
            return
        with store_faults(self.notice.emit):
            if not self.answers.count(self._conversation):
                self._set_usage(ContextUsage())  # not known; do not show that of another conversation

    def flushed_message(self, message_id: int) -> StoredMessage:
        """A message as stored, after everything of the open conversation has been stored. Raises StoreError."""
        if self._conversation is not None:
            self.answers.flush(self._conversation.id)
        return self._store.message(self.answers.stored_id(message_id))

    def change(self, conversation_id: int, change: Callable[[], None]) -> bool:
        """Make a change to a conversation in the store. False when the store refuses, which a notice says."""
        changed = False
        with store_faults(self.notice.emit):
            change()
            changed = True
            if self.is_open(conversation_id):
                self._conversation = self._store.conversation(conversation_id)
            self.conversations_changed.emit()
        return changed

    def read(self, read: Callable[[], _Read], default: _Read) -> _Read:
        """What `read` returns; `default` where the store refuses, which a notice says."""
        value = read_or(read, default, self.notice.emit)
        self.report_damage()
        return value

    def report_damage(self) -> None:
        """Report once that a part of the file cannot be read and is not shown."""
        if self._store.damage is not None and not self._damage_reported:
            self._damage_reported = True
            self.notice.emit(Notice.of_store(self._store.damage))

    # Signals from below

    def _end_answer(self, status: str) -> None:
        self.answers.abandon(status)

    def _on_model_state(self, state: ModelState) -> None:
        self.model_changed.emit(state)
        if state.info is not None and state.info.template is not None:
            self.emit_context_usage()
        else:
            self.speed.emit(None)

    def _on_projects_changed(self) -> None:
        if self._conversation is not None:
            with store_faults(self.notice.emit):
                self._conversation = self._store.conversation(self._conversation.id)
        self.conversations_changed.emit()
        self.emit_context_usage()
        if "documents" in self.__dict__:
            self.documents.follow_project()

    def _on_text(self, message: StoredMessage, text: str) -> None:
        if self.is_open(message.conversation_id):
            self.answer_text.emit(message.id, text)

    def _on_thinking(self, message: StoredMessage, text: str) -> None:
        if self.is_open(message.conversation_id):
            self.answer_thinking.emit(message.id, text)

    def _on_prefill(self, conversation_id: int, done: int, total: int, seconds_left: float | None) -> None:
        if self.is_open(conversation_id):
            self.prefill.emit(done, total, seconds_left)

    def _on_context_usage(self, conversation_id: int, usage: ContextUsage) -> None:
        if self.is_open(conversation_id):
            self._set_usage(usage)

    def _on_finished(self, conversation_id: int, done: Done) -> None:
        self.models.note_speed(done.stats)
        if self.is_open(conversation_id):
            self.speed.emit(done.stats.tokens_per_s)
        else:
            self.emit_context_usage()  # it could not be counted while the model answered elsewhere
        self.conversations_changed.emit()

    def _on_failed(self, conversation_id: int) -> None:
        if not self.is_open(conversation_id):
            self._failed.add(conversation_id)
            self.conversations_changed.emit()

    def _on_path_changed(self, conversation_id: int) -> None:
        if self.is_open(conversation_id):
            with store_faults(self.notice.emit):
                self.show_path()

    def _on_state_changed(self, conversation_id: int) -> None:
        if self.is_open(conversation_id):
            self._emit_state()

    def _on_notice_changed(self, conversation_id: int) -> None:
        if self.is_open(conversation_id):
            self._emit_notice()

    def _show_up_to(self, question: AnswerRequest) -> None:
        if self.is_open(question.conversation_id):
            with store_faults(self.notice.emit):
                self.show_path(until=question.message_id)

    # Helpers

    def _stored_id(self, message_id: int) -> int:
        return self.answers.stored_id(message_id)

    def _emit_state(self) -> None:
        """Emit whether the open conversation is being answered and what its question waits for, where that changed."""
        conversation_id = self._conversation.id if self._conversation else 0
        before = self._shown_state
        self._shown_state = (self.answers.is_answering(conversation_id), self.answers.waiting(conversation_id))
        if self._shown_state[1] != before[1]:
            self.waiting_changed.emit(self._shown_state[1])
        if self._shown_state[0] != before[0]:
            self.busy_changed.emit(self._shown_state[0])

    def _emit_notice(self) -> None:
        """Show the notice of the open conversation's last question, or clear that of the conversation before."""
        notice = self.answers.notice_of(self._conversation.id) if self._conversation else None
        if notice is not None:
            self.notice.emit(notice)
        else:
            self.notice_cleared.emit(ANSWER)

    def _if_open(self, signal: SignalInstance) -> Callable[[StoredMessage], None]:
        def forward(message: StoredMessage) -> None:
            if self.is_open(message.conversation_id):
                signal.emit(message)

        return forward

    def _new_system_prompt(self) -> str:
        """The system prompt that the new conversation will begin with. Raises StoreError."""
        own = filled(self.drafting.system_prompt())
        return self.facts.added_to(own or self.projects.system_prompt().value, None)

    def _system_prompt_of(self, conversation: StoredConversation) -> str:
        """All that the model reads before the first message of a conversation. Raises StoreError."""
        return self.facts.added_to(self._store.system_prompt_of(conversation).value, conversation)

    def _new_project_uses_facts(self) -> bool | None:
        project = self.projects.current
        return project.settings.uses_facts if project is not None else None

    def _set_usage(self, usage: ContextUsage) -> None:
        self._usage = usage
        self.context_usage.emit(usage)


def _speed_of(path: list[StoredMessage]) -> float | None:
    """Tokens per second of the last answer."""
    speeds = [message.stats.get("tokens_per_s") for message in path if message.role == "assistant"]
    return speeds[-1] if speeds and isinstance(speeds[-1], int | float) else None
