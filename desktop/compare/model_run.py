"""One of the two models: its worker process, from loading to the end of its one answer."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, Signal

from belle.engine.process.commands import Generate
from belle.engine.process.events import (
    Died,
    Done,
    Event,
    Failed,
    Loading,
    Logprobs,
    ModelInfo,
    Prefill,
    Ready,
    SaferMode,
    Stats,
    StopReason,
    Text,
    Thinking,
    TokenLogprob,
)
from desktop.chat.answer import STATUS_OF_REASON
from desktop.chat.model_host import EngineBridge, EngineFactory, ModelToLoad
from desktop.chat.state import Notice, OtherAnswer

RunStatus = Literal["waiting", "loading", "reading", "answering", "done", "stopped", "failed"]

_REQUEST = 1


@dataclass(frozen=True, slots=True)
class ModelRunState:
    """How far a model is.

    Attributes:
        fraction: of the model that is loaded, or of the prompt that is read; 0…1.
        text, thinking: the answer so far, and what the model thought before it.
        reason: why the answer ended.
        stats: of an answer that has ended.
        problem: why there is none, or why it broke off.
    """

    status: RunStatus = "waiting"
    fraction: float = 0.0
    text: str = ""
    thinking: str = ""
    thinking_seconds: float | None = None
    reason: StopReason | None = None
    stats: Stats | None = None
    info: ModelInfo | None = None
    problem: Notice | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ("done", "stopped", "failed")

    def as_answer(self, model: str) -> OtherAnswer:
        """The answer, to be stored under the name of the model."""
        status = STATUS_OF_REASON[self.reason] if self.reason is not None else "interrupted"
        stats = {} if self.stats is None else asdict(self.stats)
        return OtherAnswer(
            self.text,
            status,
            model,
            {name: value for name, value in stats.items() if value is not None},
            self.thinking,
            self.thinking_seconds,
        )


class ModelRun(QObject):
    """Runs a model for one answer, and ends its process when the answer has ended.

    `ended` comes when the process is gone, and with it its memory.

    Args:
        side: "left" or "right"; the first value of every signal.
        factory: makes its engine; None for a worker process.
    """

    changed = Signal(str)  # `state`, other than by text
    text = Signal(str, str)  # more of the answer
    ended = Signal(str)
    _released = Signal()  # emitted in the thread that closes the engine

    def __init__(self, side: str, factory: EngineFactory | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self._factory = factory
        self._bridge: EngineBridge | None = None
        self._request: Generate | None = None
        self._pieces: list[str] = []
        self._tokens: list[TokenLogprob] = []
        self._state = ModelRunState()
        self._released.connect(self._on_released)  # a bound method: Qt knows its object's thread

    @property
    def state(self) -> ModelRunState:
        """How far it is."""
        return replace(self._state, text="".join(self._pieces))

    @property
    def tokens(self) -> tuple[TokenLogprob, ...]:
        """The tokens of the answer, with their probabilities."""
        return tuple(self._tokens)

    @property
    def pid(self) -> int | None:
        """Of the worker process; None while there is none."""
        return getattr(self._bridge.engine, "pid", None) if self._bridge is not None else None

    def start(self, model: ModelToLoad, request: Generate) -> None:
        """Load a model and have it answer."""
        self._request = replace(request, id=_REQUEST)
        self._set(status="loading")
        bridge = self._bridge = EngineBridge(self._factory, self) if self._factory else EngineBridge(parent=self)
        bridge.received.connect(self._on_event)
        bridge.engine.load(model.load)

    def stop(self) -> None:
        """Stop; what there is of the answer stays."""
        if self._bridge is None:
            if self._state.status == "waiting":
                self._set(status="stopped")
            return
        if self._state.status == "loading":
            self._end("stopped")
        else:
            self._bridge.engine.stop(_REQUEST)

    def close(self) -> None:
        """End the process, without waiting for that. No signal comes afterwards."""
        self.blockSignals(True)
        self._release()

    def _on_event(self, event: Event) -> None:
        match event:
            case Loading(fraction=fraction):
                self._set(status="loading", fraction=fraction)
            case SaferMode():
                self._set(status="loading", fraction=0.0)
            case Ready(model=info):
                self._on_ready(info)
            case Prefill(done=done, total=total):
                self._set(status="reading", fraction=done / max(1, total))
            case Thinking(text=text):
                self._set(status="answering", thinking=self._state.thinking + text)
            case Logprobs(tokens=tokens, of_prompt=False):
                self._tokens += tokens
            case Text(text=text):
                self._on_text(text)
            case Done():
                self._on_done(event)
            case Failed() | Died():
                self._end("failed", problem=Notice.of(event))

    def _on_ready(self, info: ModelInfo) -> None:
        if info.template is None:
            details = {"file": info.name, "message": info.template_problem}
            self._end(
                "failed",
                info=info,
                problem=Notice("template_error" if info.template_problem else "no_template", "bad", details),
            )
        elif self._bridge is not None and self._request is not None:
            self._set(status="reading", fraction=0.0, info=info)
            self._bridge.engine.generate(self._request)

    def _on_text(self, text: str) -> None:
        self._pieces.append(text)
        if self._state.status != "answering":
            self._set(status="answering")
        self.text.emit(self._side, text)

    def _on_done(self, done: Done) -> None:
        # Sometimes only the end shows which part was a thought: the texts of `Done` are the right ones.
        self._pieces = [done.text]
        self._end(
            "stopped" if done.reason == "stopped" else "done",
            thinking=done.thinking,
            thinking_seconds=done.thinking_seconds,
            reason=done.reason,
            stats=done.stats,
        )

    def _end(self, status: RunStatus, **changes: object) -> None:
        self._set(status=status, **changes)
        self._release()

    def _release(self) -> None:
        if self._bridge is None:
            return
        bridge, self._bridge = self._bridge, None
        bridge.received.disconnect(self._on_event)

        def close() -> None:
            bridge.close()
            with suppress(RuntimeError):  # the window is closed
                self._released.emit()

        # In a thread: a process that is reading a model takes a moment to end, and the window must not wait.
        threading.Thread(target=close, name="close-engine").start()

    def _on_released(self) -> None:
        self.ended.emit(self._side)

    def _set(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        self.changed.emit(self._side)
