"""The engine for programs that can wait for it: the terminal, `belle data tag`, tests.

with open_engine(Load("model.gguf")) as engine:
    for event in engine.generate(Generate(1, (Message("user", "Hello"),))):
        ...
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice

from belle.engine.process.client import EngineClient
from belle.engine.process.commands import Count, Generate, ListTemplates, Load
from belle.engine.process.events import (
    Counted,
    Died,
    Done,
    Event,
    Failed,
    Loading,
    ModelInfo,
    Ready,
    SaferMode,
    TemplateList,
    TemplateOption,
)
from belle.errors import KnownError

_POLL_S = 1.0  # how often to check that the process still runs


class BlockingEngine:
    """A loaded model. `model` describes it; `client` is the engine.

    Args:
        on_safer_mode: called when the model had to be started again in safer mode.
    """

    def __init__(self, on_safer_mode: Callable[[], object] | None = None) -> None:
        self._on_safer_mode = on_safer_mode
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.client = EngineClient(self._events.put)
        self._parallel = 1
        self.model: ModelInfo

    def load(self, command: Load, on_loading: Callable[[float], object] | None = None) -> ModelInfo:
        """Load a model. Raises KnownError."""
        self._parallel = command.parallel
        self.client.load(command)
        return self._wait_until_ready(on_loading)

    def set_template(self, template: str) -> ModelInfo:
        """Choose the prompt template. Raises KnownError."""
        self.client.set_template(template)
        return self._wait_until_ready()

    def generate(self, request: Generate) -> Iterator[Event]:
        """Yield the events of an answer, `Done` last. KeyboardInterrupt stops the answer, a second one is raised.

        Raises KnownError, also when the worker dies; the next request starts another one.
        """
        self._revive()
        self.client.generate(request)
        stopping = ended = False
        while not ended:
            try:
                event = self._next_of(request.id)
                ended = isinstance(event, Done)
                yield event
            except KeyboardInterrupt:
                if stopping:
                    raise
                stopping = True
                self.client.stop(request.id)
            except GeneratorExit:
                # The caller has left the loop: the events of this answer must not become those of the next one.
                if not ended:
                    self._abandon([request.id])
                raise

    def generate_all(self, requests: Iterable[Generate]) -> Iterator[tuple[Generate, Done | KnownError]]:
        """The end of each answer, in the order in which they end; as many at once as `Load.parallel` allows.

        `requests` are drawn as there is room for them. Raises KnownError where no request can be answered any more, and
        KeyboardInterrupt.
        """
        self._revive()
        rest, under_way = iter(requests), dict[int, Generate]()
        try:
            while True:
                for request in islice(rest, self._parallel - len(under_way)):
                    under_way[request.id] = request
                    self.client.generate(request)
                if not under_way:
                    return
                end = self._next_end(under_way)
                yield under_way.pop(end[0]), end[1]
        finally:
            self._abandon(under_way)

    def _next_end(self, under_way: Container[int]) -> tuple[int, Done | KnownError]:
        """Which request ended, and how. Raises KnownError for what ends all of them."""
        while True:
            try:
                event = self._next()
            except KnownError as error:
                request_id = error.details.get("request_id")
                if not isinstance(request_id, int) or request_id not in under_way:
                    raise
                return request_id, error
            if isinstance(event, Done) and event.id in under_way:
                return event.id, event

    def _next_of(self, request_id: int) -> Event:
        """The next event of this request. Raises KnownError."""
        while True:
            event = self._next()
            if getattr(event, "id", None) == request_id:
                return event

    def count(self, request: Count) -> Counted:
        """How many tokens a conversation takes. Raises KnownError."""
        self.client.count(request)
        while True:
            event = self._next()
            if isinstance(event, Counted) and event.id == request.id:
                return event

    def list_templates(self, request: ListTemplates) -> tuple[TemplateOption, ...]:
        """The prompt templates to choose from, each with the conversation as it renders it. Raises KnownError."""
        self.client.list_templates(request)
        while True:
            event = self._next()
            if isinstance(event, TemplateList) and event.id == request.id:
                return event.options

    def _wait_until_ready(self, on_loading: Callable[[float], object] | None = None) -> ModelInfo:
        while True:
            event = self._next()
            if isinstance(event, Loading) and on_loading is not None:
                on_loading(event.fraction)
            elif isinstance(event, Ready):
                self.model = event.model
                return event.model

    def _next(self) -> Event:
        """The next event. Raises KnownError for `Failed` and `Died`."""
        event = None
        while event is None:
            alive = self.client.alive  # before the wait: `Died` may still come from a process that has just ended
            try:
                event = self._events.get(timeout=_POLL_S)
            except queue.Empty:
                if not alive:
                    message = "The model's process has ended."
                    raise KnownError("no_model", message, "Load the model again.") from None
        match event:
            case SaferMode() if self._on_safer_mode is not None:
                self._on_safer_mode()
            case Failed():
                raise KnownError(event.kind, event.message, event.advice, **event.details | {"request_id": event.id})
            case Died():
                raise KnownError(event.kind, event.message, event.advice, returncode=event.returncode, log=event.log)
        return event

    def _revive(self) -> None:
        """Start another worker where the last one has died. Raises KnownError."""
        if not self.client.alive:
            self.client.restart()
            self._wait_until_ready()

    def _abandon(self, request_ids: Collection[int]) -> None:
        """Stop answers that the caller no longer reads, and skip their remaining events."""
        for request_id in request_ids:
            self.client.stop(request_id)
        # Together: while one is waited for, another may end, which is not told twice.
        rest = set(request_ids)
        with suppress(KnownError):
            while rest:
                rest.discard(self._next_end(rest)[0])


@contextmanager
def open_engine(
    load: Load,
    on_loading: Callable[[float], object] | None = None,
    *,
    on_safer_mode: Callable[[], object] | None = None,
) -> Iterator[BlockingEngine]:
    """Start an engine with a model, and end it afterwards.

    Args:
        load: the model.
        on_loading: called with a fraction of 0…1.
        on_safer_mode: called when it is started again without llama.cpp's extra kernels.

    Raises KnownError when the model cannot be loaded.
    """
    engine = BlockingEngine(on_safer_mode)
    engine.client.start()
    try:
        engine.load(load, on_loading)
        yield engine
    finally:
        engine.client.close()
