"""Keeps one model running: one worker process per loaded model, restarted once when it dies.

It does not know conversations. It turns the engine's events about the model into a `ModelState` and passes on the
events of requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from belle.engine.process.client import Engine, EngineClient
from belle.engine.process.commands import Count, DescribePicture, Generate, ListTemplates, Load, ReadAhead
from belle.engine.process.events import (
    Died,
    Done,
    Event,
    Failed,
    HasReadAhead,
    Hello,
    Loading,
    Ready,
    SaferMode,
    TemplateList,
)
from desktop.chat.state import ModelState, Notice

_CLOSE_TIMEOUT_S = 7.0


@dataclass(frozen=True, slots=True)
class ModelToLoad:
    """What to load, and how the window shows it."""

    ref: str
    name: str
    load: Load
    is_starter: bool = False
    research_only: bool = False


class ModelHost(QObject):
    """Runs one model at a time."""

    state_changed = Signal(object)  # ModelState
    answer_event = Signal(object)  # Event of a request
    template_needed = Signal(str)  # name of a file without a template that works
    templates_listed = Signal(object)  # tuple[TemplateOption, ...]
    failed = Signal(object)  # Notice: the model could not be loaded
    died = Signal(object, bool)  # Died, whether it is being restarted
    safer_mode = Signal(object)  # SaferMode: the engine starts again by itself, in a slower mode

    def __init__(self, factory: EngineFactory | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._factory = factory or EngineClient
        self._bridge: EngineBridge | None = None
        self._restarted = False
        self._closing: list[threading.Thread] = []
        self.current: ModelToLoad | None = None
        self.state = ModelState()

    def load(self, model: ModelToLoad) -> None:
        """Replace the model. The old process ends while the new one starts."""
        self._restarted = False
        self._start(model)

    def reload(self) -> None:
        """Start the current model again, as the person requested."""
        if self.current is not None:
            self.load(self.current)

    def set_template(self, template: str) -> None:
        """Change the prompt template of the model."""
        if self._bridge is None or self.current is None:
            return
        self.current = replace(self.current, load=replace(self.current.load, template=template))
        self._bridge.engine.set_template(template)

    def generate(self, request: Generate) -> None:
        """Request an answer; only while `state.status` is `ready`."""
        if self._bridge is not None:
            self._bridge.engine.generate(request)

    def stop(self, request_id: int) -> None:
        """Stop an answer."""
        if self._bridge is not None:
            self._bridge.engine.stop(request_id)

    def answer_now(self, request_id: int) -> None:
        """End the thought of an answer."""
        if self._bridge is not None:
            self._bridge.engine.answer_now(request_id)

    def count(self, request: Count) -> None:
        """Request the size of a conversation in tokens."""
        if self._bridge is not None:
            self._bridge.engine.count(request)

    def describe_picture(self, request: DescribePicture) -> None:
        """Ask what a picture costs; the `PictureDescribed` comes by `answer_event`, while a model is there."""
        if self._bridge is not None:
            self._bridge.engine.describe_picture(request)

    def read_ahead(self, command: ReadAhead) -> None:
        """Have the engine read what the next request will begin with, while it has nothing else to do."""
        if self._bridge is not None:
            self._bridge.engine.read_ahead(command)

    def forget(self, conversation: str) -> None:
        """Keep the engine from saving a state, by its name."""
        if self._bridge is not None:
            self._bridge.engine.forget(conversation)

    def list_templates(self, request: ListTemplates) -> None:
        """Request the templates to choose from; `templates_listed` answers."""
        if self._bridge is not None:
            self._bridge.engine.list_templates(request)

    def close(self) -> None:
        """End every process; returns when they are gone."""
        self._drop_bridge()
        for thread in self._closing:
            thread.join(_CLOSE_TIMEOUT_S)

    def _start(self, model: ModelToLoad) -> None:
        self._drop_bridge()
        self.current = model
        self._set_state(self._state_of("loading"))
        self._bridge = EngineBridge(self._factory, self)
        self._bridge.received.connect(self._on_event)
        self._bridge.engine.load(model.load)

    def _drop_bridge(self) -> None:
        if self._bridge is None:
            return
        bridge, self._bridge = self._bridge, None
        bridge.received.disconnect(self._on_event)  # events of the old engine must not change the state of the new one
        # In a thread, because a process that is reading a model takes a moment to end, and the window must not wait.
        thread = threading.Thread(target=bridge.close, name="close-engine")
        thread.start()
        self._closing = [*(t for t in self._closing if t.is_alive()), thread]

    def _on_event(self, event: Event) -> None:
        match event:
            case Hello() | HasReadAhead():
                pass
            case Loading(fraction=fraction):
                self._set_state(replace(self._state_of("loading"), fraction=fraction))
            case Ready(model=info):
                self._set_state(replace(self._state_of("ready"), fraction=1.0, info=info))
                if info.template is None:
                    self.template_needed.emit(Path(info.path).name)
            case TemplateList(options=options):
                self.templates_listed.emit(options)
            case Failed(id=None):
                self._set_state(self._state_of("failed"))
                self.failed.emit(Notice.of(event, key="model"))
            case SaferMode():
                # The engine has restarted itself; that was the one restart.
                self._restarted = True
                self._set_state(self._state_of("loading"))
                self.safer_mode.emit(event)
            case Died():
                self._on_death(event)
            case _:
                if isinstance(event, Done):
                    self._restarted = False  # it works: another death is worth another restart
                self.answer_event.emit(event)

    def _on_death(self, death: Died) -> None:
        restart = not self._restarted and self.current is not None
        self._drop_bridge()
        if restart and self.current is not None:
            self._restarted = True
            self._start(self.current)
        else:
            self._set_state(self._state_of("failed"))
        self.died.emit(death, restart)

    def _state_of(self, status: str) -> ModelState:
        model = self.current
        if model is None:
            return ModelState()
        return ModelState(status, model.name, is_starter=model.is_starter, research_only=model.research_only)  # type: ignore[arg-type]

    def _set_state(self, state: ModelState) -> None:
        self.state = state
        self.state_changed.emit(state)


EngineFactory = Callable[[Callable[[Event], None]], Engine]
"""Creates an engine that calls back with every event, on any thread."""


class EngineBridge(QObject):
    """Owns an engine and emits its events as `received`, in the thread of this object, until `close`.

    The engine calls back in its reader thread. A signal may be emitted there: because this object lives in another
    thread, Qt queues the call of `_deliver` to the event loop of that one, in order.

    An engine that cannot be started is reported like a model that cannot be loaded: by `Failed` with the id None.
    """

    received = Signal(object)
    _arrived = Signal(object)

    def __init__(self, factory: EngineFactory = EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open = True
        self._arrived.connect(self._deliver)  # a bound method: Qt knows its object's thread
        self.engine = factory(self._arrived.emit)
        try:
            self.engine.start()
        except OSError as error:
            failed = _not_started(error)
            QTimer.singleShot(0, self, lambda: self._deliver(failed))  # nothing is connected to `received` yet

    def _deliver(self, event: Event) -> None:
        if self._open:  # events queued before `close` still arrive here
            self.received.emit(event)

    def close(self) -> None:
        """End the engine. Events that have not been delivered are dropped. May be called in any thread."""
        self._open = False
        self.engine.close()


def _not_started(error: OSError) -> Failed:
    reason = error.strerror or str(error)
    message = f"The process of the model could not be started: {reason}."
    advice = "Close other programs and try again, or start ChatBELLE again."
    return Failed(None, "no_process", message, advice, {"reason": reason})
