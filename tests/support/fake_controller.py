"""A controller without store and engine: the signals and parts of `ChatController` over plain data, for UI tests.

It keeps conversations in a dict and writes every call into `calls`, so that a test can press a real button and read
what would have been asked for.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from belle.engine.process.events import ModelInfo
from desktop.chat.state import ContextUsage, ModelChoice, ModelState
from desktop.store.records import (
    ConversationSummary,
    StoredConversation,
    StoredMessage,
)
from tests.support.fake_controls import FakeContext, FakeConversations, FakeDrafting, FakeMessages, FakeModels
from tests.support.fake_files import FakeAttaching, FakeDocuments, FakeExchange
from tests.support.fake_instructions import FakeFacts, FakePersonas, FakeProjects, FakeStrategies

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
        self.conversations = FakeConversations(self)
        self.messages = FakeMessages(self)
        self.context = FakeContext(self)
        self.drafting = FakeDrafting(self)
        self.models = FakeModels(self)
        self.documents = FakeDocuments()
        self.projects = FakeProjects(self)
        self.personas = FakePersonas()
        self.facts = FakeFacts()
        self.strategies = FakeStrategies()
        self.calls: list[tuple] = []
        self.exchange = FakeExchange()
        self.attaching = FakeAttaching()
        self.state_bytes = 0
        self.dismissed: list[str] = []
        self.refuse = False
        self.conversation: StoredConversation | None = None
        self.model = ModelState()
        self.busy = False
        self.usage = ContextUsage()
        self.drafts: dict[int | None, str] = {}
        self.attached: dict[int | None, tuple] = {}
        self.pictured: dict[int | None, tuple] = {}
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

    # What the person does

    def has_failed(self, conversation_id) -> bool:
        return conversation_id in self.failed

    def picture_data(self, digest) -> bytes:
        return b""

    def save(self) -> bool:
        return True

    def act(self, key, action) -> None:
        self.calls.append(("act", key, action))
        self.notice_cleared.emit(key)

    def dismiss(self, key) -> None:
        self.dismissed.append(key)

    def change(self, conversation_id, **changes) -> None:
        self.stored[conversation_id] = replace(self.stored[conversation_id], **changes)
        if self.conversation is not None and self.conversation.id == conversation_id:
            self.conversation = self.stored[conversation_id]
        self.conversations_changed.emit()
