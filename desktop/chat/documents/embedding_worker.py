"""An embedding model in a process of its own, which is started with the first text and can be ended at any time.

For threads: each call waits for its vector. Passages can wait and questions cannot: `question` interrupts the passage
that is being embedded, and gives up when its time is over.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from belle.engine.process.client import EngineClient
from belle.engine.process.commands import Embed, Load
from belle.engine.process.events import Died, Embedded, Event, Failed, Ready
from belle.errors import KnownError
from desktop.documents.embeddings.vectors import Vector

_POLL_S = 0.05
_NICENESS = 10  # passages are embedded for minutes: whatever the person does goes first


class EmbeddingInterrupted(Exception):  # noqa: N818 - not an error: something else is more urgent
    """A passage was not embedded: a question came, or the work was stopped."""


class EmbeddingWorker:
    """The process of one embedding model at a time. Any thread may call every method."""

    def __init__(self) -> None:
        self._turn = threading.Lock()  # held by the thread that talks to the process
        self._questions = 0
        self._ids = itertools.count(1)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._client: EngineClient | None = None
        self._path: Path | None = None
        self._is_ready = False

    @property
    def pid(self) -> int | None:
        """Of the process; None when there is none."""
        client = self._client
        return client.pid if client is not None and client.alive else None

    def passage(self, path: Path, text: str, stopped: Callable[[], bool]) -> Vector:
        """The vector of a passage with the model at `path`; of one that is too long, that of its beginning.

        Raises KnownError, and EmbeddingInterrupted when `stopped` says so or a question comes.
        """

        def is_interrupted() -> bool:
            return stopped() or self._questions > 0

        while not self._turn.acquire(timeout=_POLL_S):
            if is_interrupted():
                raise EmbeddingInterrupted
        try:
            return self._vector(path, text, is_interrupted)
        finally:
            self._turn.release()

    def question(self, path: Path, text: str, seconds: float) -> Vector:
        """The vector of a question. Raises KnownError, also when it takes longer than `seconds` (`embedding_late`)."""
        end = time.monotonic() + seconds
        self._questions += 1
        try:
            if not self._turn.acquire(timeout=seconds):
                raise _late()
            try:
                return self._vector(path, text, lambda: time.monotonic() > end)
            except EmbeddingInterrupted:
                raise _late() from None
            finally:
                self._turn.release()
        finally:
            self._questions -= 1

    def close(self) -> None:
        """End the process; the next text starts another one."""
        with self._turn:
            self._end()

    def _vector(self, path: Path, text: str, interrupted: Callable[[], bool]) -> Vector:
        client = self._loaded(path, interrupted)
        number = next(self._ids)
        client.embed(Embed(number, text, truncate=True))
        try:
            event = self._await(number, interrupted)
        except EmbeddingInterrupted:
            client.stop(number)  # its end comes later, and is passed over then
            raise
        if isinstance(event, Failed):
            raise KnownError(event.kind, event.message, event.advice, **event.details)
        assert isinstance(event, Embedded)
        return event.vector

    def _loaded(self, path: Path, interrupted: Callable[[], bool]) -> EngineClient:
        """The process with this model. Interrupted, it goes on loading, and the next call waits for it again."""
        client = self._client
        if client is None or self._path != path or not client.alive:
            self._end()
            self._events = queue.SimpleQueue()
            client = self._client = EngineClient(self._events.put)
            self._path = path
            try:
                client.start()
            except OSError as error:
                message = f"The process of the embedding model could not be started: {error.strerror}."
                raise KnownError("no_process", message, "Close other programs.") from None
            client.load(Load(str(path), embeddings_only=True))
        if not self._is_ready:
            event = self._await(None, interrupted)
            if isinstance(event, Failed):
                self._end()
                raise KnownError(event.kind, event.message, event.advice, **event.details)
            self._is_ready = True
            if client.pid is not None:
                with suppress(OSError):  # a process that has just ended
                    os.setpriority(os.PRIO_PROCESS, client.pid, _NICENESS)
        return client

    def _await(self, number: int | None, interrupted: Callable[[], bool]) -> Event:
        """The event that ends request `number`; None: the loading. Raises KnownError when the process has died."""
        while True:
            if interrupted():
                raise EmbeddingInterrupted
            try:
                event = self._events.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            match event:
                case Died():
                    self._end()
                    raise KnownError(event.kind, event.message, event.advice, returncode=event.returncode)
                case Ready() if number is None:
                    return event
                case Failed(id=other) | Embedded(id=other) if other == number:
                    return event

    def _end(self) -> None:
        client, self._client = self._client, None
        self._path, self._is_ready = None, False
        if client is not None:
            client.close()


def _late() -> KnownError:
    message = "The embedding model did not answer in time."
    return KnownError("embedding_late", message, "Ask again, or choose a smaller embedding model.")
