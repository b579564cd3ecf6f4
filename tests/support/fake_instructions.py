"""Projects, personas and facts without a store, for UI tests: in lists, every change written down and made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from desktop.store.instructions.precedence import InForce
from desktop.store.records import (
    ConversationSummary,
    Persona,
    ProjectSettings,
    StoredFact,
    StoredPersona,
    StoredProject,
    StoredStrategy,
)

if TYPE_CHECKING:
    from tests.support.fake_controller import FakeController


class FakeProjects(QObject):
    """Projects in a list; every change is written down and made."""

    changed = Signal()
    list_changed = Signal()

    def __init__(self, controller: FakeController) -> None:
        super().__init__()
        self._controller = controller
        self.calls: list[tuple] = []
        self.projects: list[StoredProject] = []
        self.new_project: int | None = None
        self.in_force = InForce("", "general")
        self.model_is_loaded = True
        self.changed.connect(controller.conversations_changed)

    def add(self, name: str, system_prompt: str = "", model: str = "", folder: str = "") -> int:
        self.projects.append(StoredProject(len(self.projects) + 1, ProjectSettings(name, system_prompt, model, folder)))
        return len(self.projects)

    def all(self) -> list[StoredProject]:
        return list(self.projects)

    def conversations(self, project_id: int, limit: int) -> list[ConversationSummary]:
        return [row for row in self._controller.every_summary() if row.project_id == project_id][:limit]

    def n_conversations(self, project_id: int) -> int:
        return len(self.conversations(project_id, 1 << 40))

    @property
    def current(self) -> StoredProject | None:
        open_chat = self._controller.conversation
        project_id = open_chat.project_id if open_chat is not None else self.new_project
        return next((project for project in self.projects if project.id == project_id), None)

    def save(self, project_id: int | None, settings: ProjectSettings) -> StoredProject | None:
        self.calls.append(("save", project_id, settings))
        if self._controller.refuse:
            return None
        if project_id is None:
            project_id = self.add(settings.name)
        self.projects[project_id - 1] = replace(self.projects[project_id - 1], settings=settings)
        self.changed.emit()
        return self.projects[project_id - 1]

    def set_collapsed(self, project_id: int, collapsed: bool) -> None:
        self.calls.append(("set_collapsed", project_id, collapsed))
        self.projects[project_id - 1] = replace(self.projects[project_id - 1], collapsed=collapsed)
        self.changed.emit()

    def move(self, conversation_id: int, project_id: int | None) -> None:
        self.calls.append(("move", conversation_id, project_id))
        self._controller.change(conversation_id, project_id=project_id)

    def model(self) -> InForce[str]:
        return self.in_force

    def sampling(self) -> InForce:
        return InForce({}, "general")

    def choose_sampling(self, sampling: object) -> None:
        self.calls.append(("choose_sampling", sampling))

    def choose_model(self, ref) -> None:
        self._controller.calls.append(("choose_model", ref))

    def forget_own_model(self) -> None:
        self.calls.append(("forget_own_model",))


class FakePersonas(QObject):
    """One of the person's own and one that ships; every change is written down."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []
        self.stored = [StoredPersona(7, Persona("A&B", "Rhyme.", "Hello!", {"temperature": 0.3}))]

    def own(self) -> list[StoredPersona]:
        return list(self.stored)

    def ready_made(self) -> list[Persona]:
        return [Persona("Translator", "Translate.")]

    def save(self, persona_id: int | None, persona: Persona) -> bool:
        self.calls.append(("save", persona_id, persona))
        return True

    def delete(self, persona_id: int) -> None:
        self.calls.append(("delete", persona_id))
        self.stored.clear()
        self.changed.emit()


class FakeFacts(QObject):
    """Facts in a list; every change is written down."""

    changed = Signal()
    LONGEST = 40

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []
        self.is_on = False
        self.here = InForce(True, "general")
        self.stored = [StoredFact(3, "I cook for four.", 0.0)]

    def all(self) -> list[StoredFact]:
        return list(self.stored)

    def used_here(self) -> InForce:
        return self.here

    def set_on(self, on: bool) -> None:
        self.calls.append(("set_on", on))

    def use_here(self, use: bool) -> None:
        self.calls.append(("use_here", use))

    def save(self, fact_id: int | None, text: str) -> bool:
        self.calls.append(("save", fact_id, text))
        return True

    def export(self, path: object) -> None:
        self.calls.append(("export", path))

    def delete(self, fact_id: int) -> None:
        self.calls.append(("delete", fact_id))
        self.stored.clear()
        self.changed.emit()


class FakeStrategies:
    """How answers come about; every change is made and written down."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.current = StoredStrategy()

    def choose(self, name: str) -> None:
        self.calls.append(("choose", name))
        self.current = replace(self.current, name=name)

    def choose_slow(self, ref: str) -> None:
        self.calls.append(("choose_slow", ref))
        self.current = replace(self.current, name="duma", slow=ref)

    def facts(self) -> dict[str, str]:
        return {"name": "Li", "预算": "400 元"}

    def edit_facts(self, facts: dict[str, str]) -> None:
        self.calls.append(("edit_facts", facts))
