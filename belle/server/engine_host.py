"""The engine in an event loop: requests in, events out, and a worker that died is replaced.

The events of `EngineClient` arrive on a thread of its own and are handed into the loop, each to the request that it
belongs to.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from belle.engine.process.client import CLOSE_TIMEOUT_S, STOP_TIMEOUT_S, EngineClient
from belle.engine.process.commands import Embed, Generate, Load
from belle.engine.process.events import Died, Done, Embedded, Event, Failed, Loading, ModelInfo, Ready, SaferMode
from belle.errors import KnownError


class EngineHost:
    """One model in a worker process. Belongs to one event loop.

    Args:
        load: the model.
        on_loading: called with a fraction of 0…1.
        on_safer_mode: called when the model had to be started again without llama.cpp's extra kernels.

    Attributes:
        model: what is known of it; None before the first `start`.
    """

    def __init__(
        self, load: Load, *, on_loading: Callable[[float], object], on_safer_mode: Callable[[], object]
    ) -> None:
        self._load = load
        self._on_loading = on_loading
        self._on_safer_mode = on_safer_mode
        self._client = EngineClient(self._on_event)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ids = itertools.count(1)
        self._open: dict[int, asyncio.Queue[Event | KnownError]] = {}
        self._ready: asyncio.Future[None] | None = None
        self._restart: asyncio.Task[None] | None = None
        self._closed = False
        self.model: ModelInfo | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a model is loaded now."""
        return self._ready is not None and self._ready.done() and self._ready.exception() is None

    async def start(self) -> ModelInfo:
        """Load the model. Raises KnownError, also when its process dies of it."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._client.start()
        self._client.load(self._load)
        await self._ready
        if self.model is None:
            raise RuntimeError("the worker is ready without a model")
        return self.model

    def refuse(self) -> None:
        """The server is ending: whoever waits for an answer, or asks for one from now on, is told so."""
        self._closed = True
        for request_id in list(self._open):
            self._hand_out(request_id, _ending())

    async def close(self) -> None:
        """End the worker."""
        self.refuse()
        await asyncio.to_thread(self._client.close)

    def new_id(self) -> int:
        """For the next request."""
        return next(self._ids)

    async def generate(self, request: Generate) -> AsyncGenerator[Event]:
        """Yield the events of an answer, the last of which is `Done`. Closed early, it stops the answer.

        To be asked for as many answers at once as `Load.parallel` says. Raises KnownError.
        """
        await self._until_ready()
        queue = self._open[request.id] = asyncio.Queue()
        self._client.generate(request)
        ended = False
        try:
            while not ended:
                event = await queue.get()
                ended = isinstance(event, Done | KnownError)
                if isinstance(event, KnownError):
                    raise event
                yield event
        finally:
            if not ended:
                await self._stop(request.id, queue)
            self._open.pop(request.id, None)

    async def embed(self, request: Embed) -> Embedded:
        """The embedding of a text. Raises KnownError."""
        await self._until_ready()
        queue = self._open[request.id] = asyncio.Queue()
        self._client.embed(request)
        event: Event | KnownError | None = None
        try:
            event = await queue.get()
        finally:
            if event is None:
                await self._stop(request.id, queue)
            self._open.pop(request.id, None)
        if isinstance(event, KnownError):
            raise event
        if not isinstance(event, Embedded):
            raise RuntimeError(f"an embedding was answered by {event!r}")
        return event

    async def _stop(self, request_id: int, queue: asyncio.Queue[Event | KnownError]) -> None:
        """Stop an answer and wait for its end: until then it takes a place."""
        self._client.stop(request_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S + CLOSE_TIMEOUT_S):
                while not isinstance(await queue.get(), Done | Embedded | KnownError):
                    pass

    async def _until_ready(self) -> None:
        """Wait for the model. Tries once more to load one that failed. Raises KnownError."""
        if self._closed:
            raise _ending()
        if self._ready is not None and self._ready.done() and self._ready.exception() is not None:
            self._start_again()
        if self._ready is None:
            raise RuntimeError("the engine was not started")
        await asyncio.shield(self._ready)

    def _on_event(self, event: Event) -> None:
        """On a thread of the client's."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._receive, event)

    def _receive(self, event: Event) -> None:
        match event:
            case Ready(model=model):
                self.model = model
                self._settle(None)
            case Loading(fraction=fraction):
                self._on_loading(fraction)
            case SaferMode():
                self._on_safer_mode()
            case Failed(id=None):
                self._settle(KnownError(event.kind, event.message, event.advice, **event.details))
            case Failed(id=int(request_id)):
                error = KnownError(event.kind, event.message, event.advice, **event.details)
                self._hand_out(request_id, error)
            case Died():
                self._on_death(KnownError(event.kind, event.message, event.advice))
            case _:
                self._hand_out(getattr(event, "id", None), event)

    def _on_death(self, error: KnownError) -> None:
        for request_id in list(self._open):
            self._hand_out(request_id, error)
        if self._ready is not None and not self._ready.done():
            self._settle(error)  # it would die of the same model again
        else:
            self._start_again()

    def _start_again(self) -> None:
        if self._closed:
            return
        self._ready = asyncio.get_running_loop().create_future()
        self._restart = asyncio.get_running_loop().create_task(self._replace_worker())

    async def _replace_worker(self) -> None:
        try:
            await asyncio.to_thread(self._client.restart)
        except OSError as error:
            message = f"The model's process cannot be started: {error.strerror or error}."
            self._settle(KnownError("worker_bug", message, "Close other programs, and try again."))

    def _settle(self, error: KnownError | None) -> None:
        if self._ready is None or self._ready.done():
            return
        if error is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(error)
            self._ready.exception()  # it is raised where somebody waits, and not missed where nobody does

    def _hand_out(self, request_id: int | None, event: Event | KnownError) -> None:
        queue = self._open.get(request_id) if request_id is not None else None
        if queue is not None:
            queue.put_nowait(event)


def _ending() -> KnownError:
    return KnownError("server_ending", "The server is ending.", "Ask again when it has been started anew.")
