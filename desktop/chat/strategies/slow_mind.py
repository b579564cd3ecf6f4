"""DUMA's slow mind in a worker process of its own: loaded when it is first asked, and kept until another one is."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from belle.engine.process.commands import Generate
from belle.engine.process.events import Died, Event, Failed
from belle.errors import KnownError
from desktop.chat.library import ModelLibrary
from desktop.chat.model_host import EngineFactory, ModelHost
from desktop.chat.state import ModelState, Notice
from desktop.settings import Settings


class SlowMind(QObject):
    """Answers requests, one at a time.

    Args:
        settings: of the program.
        factory: starts its process; None: as the program does.
    """

    engine_event = Signal(object)  # Event of the request; one that cannot be answered has `Failed`

    def __init__(self, settings: Settings, factory: EngineFactory | None, parent: QObject) -> None:
        super().__init__(parent)
        self._settings, self._factory = settings, factory
        self._host: ModelHost | None = None
        self._waiting: Generate | None = None  # until the model is loaded
        self._asked: int | None = None

    def ask(self, ref: str, request: Generate) -> None:
        """Have a model, by its catalogue name or path, answer a request; `engine_event` answers."""
        self._asked = request.id
        host = self._loaded(ref)
        if host is None:
            return
        if host.state.status == "ready":
            host.generate(request)
        else:
            self._waiting = request

    def stop(self, request_id: int) -> bool:
        """Stop an answer; False where its model is not loaded yet, so that there is nothing to wait for."""
        if self._waiting is not None:
            self._waiting = None
            return False
        if self._host is not None:
            self._host.stop(request_id)
        return self._host is not None

    def close(self) -> None:
        """End its process; returns when that is gone."""
        if self._host is not None:
            self._host.close()
            self._host = None

    def _loaded(self, ref: str) -> ModelHost | None:
        """The host of a model that is loaded, or being loaded; None where it cannot be."""
        host = self._host
        if host is not None and host.current is not None and host.current.ref == ref and host.state.status != "failed":
            return host
        try:
            model = ModelLibrary(self._settings).resolve(ref)
        except KnownError as error:
            self._fail(error.kind, error.message, error.advice)
            return None
        if host is None:
            host = self._host = ModelHost(self._factory, self)
            host.state_changed.connect(self._on_state)
            host.failed.connect(self._on_load_failed)
            host.answer_event.connect(self.engine_event)
            host.died.connect(self._on_death)
        # No conversation is saved: its prompts are not those of the conversation.
        host.load(replace(model, load=replace(model.load, state_folder=None)))
        return host

    def _on_state(self, state: ModelState) -> None:
        request = self._waiting
        if state.status == "ready" and request is not None and self._host is not None:
            self._waiting = None
            self._host.generate(request)

    def _on_load_failed(self, notice: Notice) -> None:
        self._waiting = None
        self._fail(notice.kind, str(notice.details.get("message", "")), str(notice.details.get("advice", "")))

    def _on_death(self, death: Died, restarting: bool) -> None:
        del restarting
        self._waiting = None
        self._fail(death.kind, death.message, death.advice)

    def _fail(self, kind: str, message: str, advice: str) -> None:
        event: Event = Failed(self._asked, kind, message, advice)
        self.engine_event.emit(event)
