"""A controller without store and engine: the signals and methods of `ChatController` over plain data, for UI tests.

It keeps conversations in a dict and writes every call into `calls`, so that a test can press a real button and read
what would have been asked for.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from belle.engine.process.commands import Sampling
from belle.engine.process.events import ModelInfo, TemplateOption
from belle.prompts import TEMPLATES
from desktop.chat.state import ContextUsage, ModelChoice, ModelState, Notice
from desktop.documents.progress import EmbeddingProgress, IndexProgress
from desktop.exchange.files import looks_importable
from desktop.exchange.outgoing import file_name
from desktop.store.instructions.precedence import InForce
from desktop.store.records import (
    ConversationSummary,
    Persona,
    ProjectSettings,
    SearchHit,
    StoredConversation,
    StoredFact,
    StoredMessage,
    StoredPersona,
    StoredProject,
    StoredSummary,
)

STARTER_INFO = ModelInfo(
    path="/models/SmolLM2-135M-Instruct.Q4_1.gguf",
    name="SmolLM2 135M Instruct",
    architecture="llama",
    quantization="Q4_1",
    n_params=134_515_008,
    size_bytes=98_000_000,
    n_ctx=4096,
    n_ctx_train=8192,
    template="gguf",
    device="CPU",
    kv_bytes_per_token=23_040,
    license="apache-2.0",
)
STARTER = ModelState("ready", "SmolLM2 135M", 1.0, STARTER_INFO, is_starter=True)


class FakeExchange(QObject):
    """Takes what is asked for; nothing is written or read."""

    began = Signal()
    progressed = Signal(int, int)
    ended = Signal()
    page_made = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple] = []
        self.is_busy = False
        self.looks_importable = looks_importable
        self.file_name = file_name

    def export(self, *arguments: object) -> None:
        self.calls.append(("export", *arguments))

    def import_files(self, *arguments: object) -> None:
        self.calls.append(("import_files", *arguments))

    def make_page(self, *arguments: object) -> None:
        self.calls.append(("make_page", *arguments))

    def stop(self) -> None:
        self.calls.append(("stop",))


class FakeAttaching(QObject):
    """Is asked to read files, and does not."""

    added = Signal(int, object)
    counted = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[object] = []

    def restore(self, attachment: object) -> int:
        self.paths.append(attachment)
        return len(self.paths)

    def forget(self, number: int) -> None:
        pass

    def read(self, path: object) -> int:
        self.paths.append(path)
        return len(self.paths)


class FakeDocuments(QObject):
    changed = Signal()
    progress = Signal(object)
    embedding_progress = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state = IndexProgress("")
        self.embedding = EmbeddingProgress("")

    @property
    def folder(self) -> str:
        return self.state.folder

    @property
    def in_force(self) -> InForce[str]:
        return InForce(self.folder, "conversation" if self.folder else "general")

    def opened(self) -> None:
        self.changed.emit()

    def unreadable(self) -> list:
        return []

    def update(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def use_project(self) -> None:
        self.changed.emit()

    def choose(self, folder: str) -> None:
        self.state = IndexProgress(folder)
        self.changed.emit()


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
        self._controller._change(conversation_id, project_id=project_id)

    def model(self) -> InForce[str]:
        return self.in_force

    def sampling(self) -> InForce:
        return InForce({}, "general")

    def choose_sampling(self, sampling: object) -> None:
        self.calls.append(("choose_sampling", sampling))

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

    def delete(self, fact_id: int) -> None:
        self.calls.append(("delete", fact_id))
        self.stored.clear()
        self.changed.emit()


class FakeController(QObject):
    conversations_changed = Signal()
    conversation_opened = Signal(object, object)
    path_changed = Signal(object, object)
    message_added = Signal(object)
    message_updated = Signal(object)
    answer_text = Signal(int, str)
    answer_thinking = Signal(int, str)
    prefill = Signal(int, int, object)
    busy_changed = Signal(bool)
    waiting_changed = Signal(str)
    model_changed = Signal(object)
    context_usage = Signal(object)
    speed = Signal(object)
    notice = Signal(object)
    notice_cleared = Signal(str)
    template_needed = Signal(str)
    templates_listed = Signal(object)
    edit_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.documents = FakeDocuments()
        self.projects = FakeProjects(self)
        self.personas = FakePersonas()
        self.facts = FakeFacts()
        self.calls: list[tuple] = []
        self.exchange = FakeExchange()
        self.attaching = FakeAttaching()
        self.state_bytes = 0
        self.dismissed: list[str] = []
        self.refuse = False
        self.conversation: StoredConversation | None = None
        self.model = ModelState()
        self.model_ref = ""
        self.busy = False
        self.system_prompt = ""
        self.thinks: bool | None = None
        self.usage = ContextUsage()
        self.overflow = "refuse"
        self.summary: StoredSummary | None = None
        self.drafts: dict[int | None, str] = {}
        self.attached: dict[int | None, tuple] = {}
        self.open_edits: dict[int, str] = {}
        self.failed: set[int] = set()
        self.typed_texts: dict[tuple[str, int | None], str | None] = {}
        self.choices = [
            ModelChoice("starter", "SmolLM2 135M", "4-bit · 98 MB", "installed", "starter"),
            ModelChoice("belle-7b-2m", "BELLE-7B-2M", "4-bit, about 5 GB", "not_installed", "belle", "bigscience-rail"),
        ]
        self._ids = itertools.count(1)
        self.stored: dict[int, StoredConversation] = {}
        self.paths: dict[int, list[StoredMessage]] = {}

    # Filling it

    def add(self, title: str, *, days_ago: float = 0.0, pinned: bool = False, texts: tuple[str, ...] = ()) -> int:
        now = time.time() - days_ago * 86400
        conversation_id = next(self._ids)
        self.stored[conversation_id] = StoredConversation(
            conversation_id, title, True, "", "starter", pinned, now, now, None, "refuse", ()
        )
        self.paths[conversation_id] = [
            self.message(conversation_id, "user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)
        ]
        return conversation_id

    def message(self, conversation_id: int, role: str, text: str, **more) -> StoredMessage:
        stats = {"tokens_per_s": 41.2, "ttft_s": 0.3} if role == "assistant" else {}
        made = StoredMessage(
            next(self._ids), conversation_id, None, role, text, "complete", time.time(), "SmolLM2 135M", stats, 0, 1
        )
        return replace(made, **more)

    def make_ready(self, state: ModelState = STARTER) -> None:
        self.model = state
        self.model_changed.emit(state)

    def begin_answer(self, text: str = "") -> StoredMessage:
        answer = self.message(self.conversation.id, "assistant", text, status="streaming", stats={})
        self.paths[self.conversation.id].append(answer)
        self.busy = True
        self.busy_changed.emit(True)
        self.message_added.emit(answer)
        return answer

    # What the window reads

    def every_summary(self) -> list[ConversationSummary]:
        rows = sorted(self.stored.values(), key=lambda c: (not c.pinned, -c.updated_at, -c.id))
        return [ConversationSummary(c.id, c.title, c.pinned, c.updated_at, c.model, c.project_id) for c in rows]

    def summaries(self, limit=100, before=None) -> list[ConversationSummary]:
        ids = {project.id for project in self.projects.projects}
        found = [row for row in self.every_summary() if row.project_id not in ids]
        start = [s.id for s in found].index(before.id) + 1 if before is not None else 0
        return found[start : start + limit]

    def search(self, text) -> list[SearchHit]:
        hits = []
        for conversation in self.stored.values():
            for message in self.paths[conversation.id]:
                place = message.text.lower().find(text.lower())
                if place >= 0:
                    hits.append(
                        SearchHit(
                            conversation.id,
                            conversation.title,
                            message.id,
                            message.text,
                            [(place, place + len(text))],
                            message.created_at,
                        )
                    )
        return hits

    def models(self) -> list[ModelChoice]:
        return self.choices

    def own_sampling(self) -> Sampling:
        return Sampling(temperature=0.35, top_k=30)

    def saved_state_bytes(self) -> int:
        return self.state_bytes

    # What the person does

    def set_thinking(self, on) -> None:
        self.calls.append(("set_thinking", on))
        self.thinks = on

    def new_chat(self, project_id=None) -> None:
        self.calls.append(("new_chat",) if project_id is None else ("new_chat", project_id))
        self.projects.new_project = project_id
        self.conversation = None
        self.conversation_opened.emit(None, [])

    def open_conversation(self, conversation_id, message_id=None) -> None:
        self.calls.append(("open_conversation", conversation_id))
        self.conversation = self.stored[conversation_id]
        self.conversation_opened.emit(self.conversation, list(self.paths[conversation_id]))

    def rename(self, conversation_id, title) -> None:
        self.calls.append(("rename", conversation_id, title))
        self._change(conversation_id, title=title)

    def set_pinned(self, conversation_id, pinned) -> None:
        self.calls.append(("set_pinned", conversation_id, pinned))
        self._change(conversation_id, pinned=pinned)

    def delete(self, conversation_id) -> None:
        self.calls.append(("delete", conversation_id))
        title = self.stored.pop(conversation_id).title
        if self.conversation is not None and self.conversation.id == conversation_id:
            self.conversation = None
            self.conversation_opened.emit(None, [])
        self.conversations_changed.emit()
        self.notice.emit(Notice("deleted", "info", {"title": title}, ("undo",), f"deleted-{conversation_id}"))

    def begin(self, title, greeting) -> bool:
        self.calls.append(("begin", title, greeting))
        return not self.refuse

    def delete_project(self, project_id, *, with_conversations=False) -> None:
        self.calls.append(("delete_project", project_id, with_conversations))

    def send(self, text) -> bool:
        self.calls.append(("send", text))
        if self.refuse:
            return False
        self.drafts.pop(self.conversation and self.conversation.id, None)
        if self.conversation is None:
            conversation_id = self.add(text[:40])
            self.conversation = self.stored[conversation_id]
            question = self.message(conversation_id, "user", text)
            self.paths[conversation_id] = [question]
            self.conversation_opened.emit(self.conversation, [question])
        else:
            question = self.message(self.conversation.id, "user", text)
            self.paths[self.conversation.id].append(question)
            self.message_added.emit(question)
        self.conversations_changed.emit()
        return True

    def set_system_prompt(self, text) -> bool:
        self.calls.append(("set_system_prompt", text))
        self.system_prompt = text
        return not self.refuse

    def stop(self) -> None:
        self.calls.append(("stop",))
        self.busy = False
        self.busy_changed.emit(False)

    def answer_now(self) -> None:
        self.calls.append(("answer_now",))

    def regenerate(self, message_id) -> None:
        self.calls.append(("regenerate", message_id))

    def edit(self, message_id, text) -> bool:
        self.calls.append(("edit", message_id, text))
        if not self.refuse:
            self.open_edits.pop(message_id, None)
        return not self.refuse

    def draft(self, conversation_id) -> str:
        return self.drafts.get(conversation_id, "")

    def save_draft(self, conversation_id, text) -> None:
        self.drafts[conversation_id] = text

    def draft_attachments(self, conversation_id) -> tuple:
        return self.attached.get(conversation_id, ())

    def save_draft_attachments(self, conversation_id, attachments) -> None:
        self.attached[conversation_id] = attachments

    def has_failed(self, conversation_id) -> bool:
        return conversation_id in self.failed

    def typed_text(self, what, conversation_id) -> str | None:
        return self.typed_texts.get((what, conversation_id))

    def save_typed_text(self, what, conversation_id, text) -> None:
        self.typed_texts[what, conversation_id] = text

    def edits(self) -> dict[int, str]:
        return dict(self.open_edits)

    def save_edit(self, message_id, text) -> None:
        if text is None:
            self.open_edits.pop(message_id, None)
        else:
            self.open_edits[message_id] = text

    def save(self) -> bool:
        return True

    def set_overflow(self, overflow, *, as_default=False) -> None:
        self.calls.append(("set_overflow", overflow, as_default))
        self.overflow = overflow

    def set_message_pinned(self, message_id, pinned) -> None:
        self.calls.append(("set_message_pinned", message_id, pinned))

    def count_context(self) -> None:
        self.calls.append(("count_context",))

    def edit_summary(self, message_id, text) -> bool:
        self.calls.append(("edit_summary", message_id, text))
        return not self.refuse

    def delete_summary(self) -> bool:
        self.calls.append(("delete_summary",))
        return not self.refuse

    def continue_answer(self, message_id) -> None:
        self.calls.append(("continue_answer", message_id))

    def switch_version(self, message_id, step) -> None:
        self.calls.append(("switch_version", message_id, step))

    def load_model(self, ref) -> None:
        self.calls.append(("load_model", ref))

    def request_templates(self, messages) -> None:
        text = "\n".join(message.content for message in messages)
        own = [TemplateOption("gguf", "", text)] if self.model.info and self.model.info.template == "gguf" else []
        options = [TemplateOption(t.id, t.title, f"{t.id}:\n{text}", missing=t.needs) for t in TEMPLATES.values()]
        self.templates_listed.emit((*own, *options))

    def set_template(self, template) -> None:
        self.calls.append(("set_template", template))

    def apply_settings(self) -> None:
        self.calls.append(("apply_settings",))

    def delete_saved_states(self) -> None:
        self.calls.append(("delete_saved_states",))
        self.state_bytes = 0

    def act(self, key, action) -> None:
        self.calls.append(("act", key, action))
        self.notice_cleared.emit(key)

    def dismiss(self, key) -> None:
        self.dismissed.append(key)

    def _change(self, conversation_id, **changes) -> None:
        self.stored[conversation_id] = replace(self.stored[conversation_id], **changes)
        if self.conversation is not None and self.conversation.id == conversation_id:
            self.conversation = self.stored[conversation_id]
        self.conversations_changed.emit()
