"""What the clients of the speech workers share: a process that is started when it is first needed, and its end.

Everything may be called from any thread and returns at once, except `close`. Events arrive on a thread of the client.
A worker that died is reported by `Died`, once; the next request starts another one.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from belle.engine.process.child_process import ChildProcess
from belle.engine.process.commands import Quit, Stop
from belle.engine.process.events import Died
from belle.engine.process.stop_timers import StopTimers

CommandT = TypeVar("CommandT")
EventT = TypeVar("EventT")

_CLOSE_TIMEOUT_S = 5.0
_log = logging.getLogger(__name__)


class WorkerClient(ABC, Generic[CommandT, EventT]):
    """The client of one kind of worker.

    Args:
        on_event: called on a thread of the client with every event.
        stop_timeout: how long a request may take to stop before its process is ended, in seconds.
    """

    def __init__(self, on_event: Callable[[EventT | Died], None], *, stop_timeout: float) -> None:
        self._on_event = on_event
        self._process: ChildProcess[Any, EventT] | None = None
        self._lock = threading.RLock()
        self._timers = StopTimers(stop_timeout)

    @abstractmethod
    def _new_process(self) -> ChildProcess[Any, EventT]:
        """Start a worker, whose events go to `_receive`. Raises OSError."""

    @abstractmethod
    def _ended(self, event: EventT) -> int | None:
        """The request that ends with an event; None for one that ends none."""

    @property
    def alive(self) -> bool:
        """Whether the worker runs."""
        process = self._process
        return process is not None and process.alive

    @property
    def pid(self) -> int | None:
        """Of the worker, also of one that has ended; None before the first."""
        process = self._process
        return process.pid if process else None

    def stop(self, request_id: int) -> None:
        """Stop a request. A worker that does not end it within `stop_timeout` is killed: `Died` is reported."""
        with self._lock:
            process = self._process
            if process is None or request_id in self._timers:
                return
            self._timers.start(request_id, process.kill_unresponsive)
            process.send(Stop(request_id))

    def close(self, timeout: float = _CLOSE_TIMEOUT_S) -> None:
        """End the worker. No event comes afterwards."""
        with self._lock:
            process, self._process = self._process, None
            self._timers.cancel_all()
        if process is not None:
            process.send(Quit())
            process.end(timeout)

    def _request(self, command: CommandT) -> None:
        """Send a command, to another worker where there is none or it has died. Raises OSError."""
        with self._lock:
            if not self.alive:
                self._start()
            self._send(command)

    def _start(self) -> None:
        """Start a worker in place of one that has died. Raises OSError."""
        if self._process is not None:
            self._process.end(timeout=0)  # closes its pipes
        self._process = self._new_process()

    def _send(self, command: CommandT) -> None:
        """Send a command to the worker that there is."""
        with self._lock:
            if self._process is not None:
                self._process.send(command)

    def _receive(self, process: ChildProcess[Any, EventT], event: EventT | Died) -> None:
        """Handle an event, on the reader thread of `process`."""
        with self._lock:
            if process is not self._process:
                return  # of a worker that was closed or replaced meanwhile
            if isinstance(event, Died):
                self._timers.cancel_all()
            elif (number := self._ended(event)) is not None:
                self._timers.cancel(number)
        try:
            self._on_event(event)
        except Exception:
            _log.exception("the handler of events failed at %r", event)
