"""What programs share that wait for a speech worker: the events of one request, and errors raised."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from belle.engine.process.events import Died, Failed
from belle.errors import KnownError
from belle.speech.worker_client import WorkerClient

ClientT = TypeVar("ClientT", bound=WorkerClient[Any, Any])

_POLL_S = 1.0


class BlockingRequests(Generic[ClientT]):
    """Asks a worker and waits.

    Args:
        new_client: makes the client, whose events go to what it is given.
        has_ended: the error for a worker that is not there any more.

    Attributes:
        client: of the worker.
    """

    def __init__(self, new_client: Callable[[Callable[[Any], None]], ClientT], has_ended: KnownError) -> None:
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._has_ended = has_ended
        self.client = new_client(self._events.put)

    def events(self, request_id: int, last: type[Any]) -> Iterator[Any]:
        """The events of a request, one of the class `last` at the end. KeyboardInterrupt stops it, a second one is
        raised.

        Raises KnownError, also when the worker dies; the next request starts another one.
        """
        stopping = False
        while True:
            try:
                event = self.next(request_id)
                if getattr(event, "id", None) != request_id:
                    continue
                yield event
                if isinstance(event, last):
                    return
            except KeyboardInterrupt:
                if stopping:
                    raise
                stopping = True
                self.client.stop(request_id)

    def wait_for(self, kind: type[Any]) -> Any:
        """The next event of this class. Raises KnownError."""
        while not isinstance(event := self.next(None), kind):
            pass
        return event

    def next(self, request_id: int | None) -> Any:
        """The next event. Raises KnownError for `Died`, and for `Failed` of this request or of none (None)."""
        while True:
            alive = self.client.alive  # before the wait: `Died` may still come from a process that has just ended
            try:
                event = self._events.get(timeout=_POLL_S)
            except queue.Empty:
                if not alive:
                    raise self._has_ended from None
                continue
            if isinstance(event, Failed) and event.id in (None, request_id):
                raise KnownError(event.kind, event.message, event.advice, **event.details | {"request_id": event.id})
            if isinstance(event, Died):
                raise KnownError(event.kind, event.message, event.advice, returncode=event.returncode, log=event.log)
            return event

    def forget(self) -> None:
        """Drop what is left of requests that were given up, and of a worker that died meanwhile."""
        while not self._events.empty():
            self._events.get()
