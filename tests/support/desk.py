"""A controller on a real store that records its signals; the engine is a fake that says what the test wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from desktop.chat.controller import ChatController
from desktop.chat.state import Notice
from desktop.settings import Settings
from desktop.store import Store, StoredMessage
from tests.support.fake_engine import FakeEngines


@dataclass
class Desk:
    """A controller, with the signals that it emitted."""

    store: Store
    controller: ChatController
    engines: FakeEngines
    notices: list[Notice] = field(default_factory=list)
    paths: list[list[StoredMessage]] = field(default_factory=list)
    emitted: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def path(self) -> list[StoredMessage]:
        assert self.controller.conversation is not None
        return self.store.active_path(self.controller.conversation.id)

    @property
    def shape(self) -> list[tuple[str, str, str]]:
        return [(m.role, m.text, m.status) for m in self.path]

    def names(self) -> list[str]:
        return [name for name, _ in self.emitted]


def make_desk(store: Store, engines: FakeEngines) -> Desk:
    controller = ChatController(store, Settings(), engine_factory=engines)
    desk = Desk(store, controller, engines)
    controller.notice.connect(desk.notices.append)
    controller.path_changed.connect(lambda _, path: desk.paths.append(path))
    for name in ("message_added", "message_updated", "answer_text", "busy_changed", "waiting_changed", "prefill"):
        getattr(controller, name).connect(lambda *a, name=name: desk.emitted.append((name, a)))
    return desk
