"""The projects as the window shows and changes them, and what they give to the conversations in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.chat.refusals import read_or, store_faults
from desktop.chat.state import Notice
from desktop.store import (
    ConversationSummary,
    ProjectSettings,
    Store,
    StoredConversation,
    StoredProject,
)
from desktop.store.instructions.precedence import InForce, in_force
from desktop.store.instructions.projects import filled

if TYPE_CHECKING:
    from belle.engine.process.commands import Sampling
    from desktop.chat.model_control import ModelControl
    from desktop.store.records import SamplingChoice


class ProjectControl(QObject):
    """Every project, and the one of the open conversation or of the new one.

    Args:
        store: has them.
        models: loads the model that a project asks for.
        conversation: the open conversation; None for the new one.
        notify: shows a notice.
    """

    changed = Signal()  # a project, or which conversations are in it
    list_changed = Signal()  # only how the list shows them

    def __init__(
        self,
        store: Store,
        models: ModelControl,
        conversation: Callable[[], StoredConversation | None],
        notify: Callable[[Notice], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._store, self._models, self._conversation, self._notify = store, models, conversation, notify
        self._new_project = read_or(store.new_project, None, self._notify)
        self._new_model = ""  # chosen for the new conversation alone
        self._new_sampling: SamplingChoice = {}

    # Reading

    def all(self) -> list[StoredProject]:
        """All projects, by name."""
        return read_or(self._store.projects, [], self._notify)

    def conversations(self, project_id: int, limit: int) -> list[ConversationSummary]:
        """The first `limit` conversations of a project, pinned ones first, then the newest."""
        return read_or(lambda: self._store.conversations(limit=limit, project_id=project_id), [], self._notify)

    def n_conversations(self, project_id: int) -> int:
        """How many conversations are in a project."""
        return read_or(lambda: self._store.n_conversations(project_id), 0, self._notify)

    @property
    def current(self) -> StoredProject | None:
        """The project of the open conversation, or of the new one; None without one."""
        conversation = self._conversation()
        project_id = self._new_project if conversation is None else conversation.project_id
        return read_or(lambda: self._project(project_id), None, self._notify)

    # Changing

    def save(self, project_id: int | None, settings: ProjectSettings) -> StoredProject | None:
        """Change a project, or create one (None). The result is None when it was not stored."""
        saved: StoredProject | None = None
        with store_faults(self._notify):
            if project_id is None:
                saved = self._store.create_project(settings)
            else:
                self._store.change_project(project_id, settings)
                saved = self._store.project(project_id)
            self._models.retry_refused()
            self.changed.emit()
        return saved

    def set_collapsed(self, project_id: int, collapsed: bool) -> None:
        """Set whether the list shows a project without its conversations."""
        with store_faults(self._notify):
            self._store.set_project_collapsed(project_id, collapsed)
            self.list_changed.emit()

    def move(self, conversation_id: int, project_id: int | None) -> None:
        """Move a conversation into a project, or out of all."""
        with store_faults(self._notify):
            self._store.set_project(conversation_id, project_id)
            self.changed.emit()

    def begin(self, project_id: int | None) -> None:
        """The new conversation will be in this project; None: in none."""
        self._new_model, self._new_sampling = "", {}
        if project_id != self._new_project:
            self._new_project = project_id
            with store_faults(self._notify):
                self._store.save_new_project(project_id)

    @property
    def new_model(self) -> str:
        """The model that was chosen for the new conversation alone; empty for none."""
        return self._new_model

    @property
    def new_sampling(self) -> SamplingChoice:
        """The sampling values that were chosen for the new conversation; empty for none."""
        return self._new_sampling

    def adopt(self) -> None:
        """The new conversation is stored with its project and its model; the next one begins without."""
        self._new_project, self._new_model, self._new_sampling = None, "", {}

    # What holds in a conversation: its own, else that of its project, else the general one

    def system_prompt(self) -> InForce[str]:
        """The system prompt of the open conversation, or of the new one without its own."""
        conversation = self._conversation()
        if conversation is not None:
            return read_or(lambda: self._store.system_prompt_of(conversation), InForce("", "general"), self._notify)
        project = self.current
        return in_force(None, filled(project.settings.system_prompt) if project else None, "")

    def folder(self, conversation_id: int | None) -> str | None:
        """The folder of documents of the project that a conversation (None: the new one) is in; None for none.

        Raises StoreError.
        """
        project_id = self._new_project
        if conversation_id is not None:
            project_id = self._store.conversation(conversation_id).project_id
        project = self._project(project_id)
        return filled(project.settings.folder) if project is not None else None

    def model(self) -> InForce[str]:
        """The model that answers in the open conversation, or in the new one; empty: the one chosen in general."""
        conversation = self._conversation()
        if conversation is not None:
            return read_or(lambda: self._model_of(conversation), InForce("", "general"), self._notify)
        return _model(self._new_model, self.current)

    @property
    def model_is_loaded(self) -> bool:
        """Whether the model that answers here is loaded, or being loaded."""
        return self._models.has(self.model().value)

    def choose_model(self, ref: str) -> None:
        """Have a model answer: here alone where the project or the conversation has a model, else everywhere."""
        conversation = self._conversation()
        if self.model().source == "general":
            self._models.load(ref)
            return
        self._models.retry_refused()
        if conversation is None:
            self._new_model = ref
        else:
            with store_faults(self._notify):
                self._store.set_own_model(conversation.id, ref)
        self._models.use(ref)
        self.changed.emit()

    def forget_own_model(self) -> None:
        """Have the project's model answer in the open conversation again, or in the new one."""
        conversation = self._conversation()
        self._new_model = ""
        if conversation is not None:
            with store_faults(self._notify):
                self._store.set_own_model(conversation.id, "")
        self.changed.emit()

    def sampling(self) -> InForce[SamplingChoice]:
        """The sampling values of the open conversation, or of the new one, besides those of the settings."""
        conversation = self._conversation()
        if conversation is not None:
            nothing: InForce[SamplingChoice] = InForce({}, "general")
            return read_or(lambda: self._store.sampling_of(conversation), nothing, self._notify)
        project = self.current
        return in_force(self._new_sampling or None, project.settings.sampling or None if project else None, {})

    def choose_sampling(self, sampling: SamplingChoice) -> None:
        """Set the sampling values of the open conversation alone, or of the new one; empty: none."""
        conversation = self._conversation()
        if conversation is None:
            self._new_sampling = sampling
        elif sampling != conversation.sampling:
            with store_faults(self._notify):
                self._store.set_sampling(conversation.id, sampling)
                self.changed.emit()

    # For the queue of questions

    def adjusted(self, conversation: StoredConversation, sampling: Sampling) -> Sampling:
        """`sampling` with the values that a conversation has besides. Raises StoreError."""
        values = self._store.sampling_of(conversation).value
        return replace(sampling, **values)  # type: ignore[arg-type]

    def is_loaded(self, conversation: StoredConversation) -> bool:
        """Whether the model that answers in a conversation is loaded, or being loaded. Raises StoreError."""
        return self._models.has(self._model_of(conversation).value)

    def load(self, conversation: StoredConversation) -> None:
        """Load the model that answers in a conversation. Raises StoreError."""
        self._models.use(self._model_of(conversation).value)

    # Helpers

    def _model_of(self, conversation: StoredConversation) -> InForce[str]:
        return _model(conversation.own_model, self._store.project_of(conversation))

    def _project(self, project_id: int | None) -> StoredProject | None:
        if project_id is None:
            return None
        return next((project for project in self._store.projects() if project.id == project_id), None)


def _model(own: str, project: StoredProject | None) -> InForce[str]:
    return in_force(filled(own), filled(project.settings.model) if project else None, "")
