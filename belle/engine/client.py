"""The other end of the worker's pipes: starts it, sends commands, hands out events, and tells when it died and why.

`Engine` is what users of an engine rely on; `EngineClient` is the real one. Everything here may be called from any
thread and returns at once, except `close` and `restart`, which wait for a process to end. Events arrive on a thread of
the client's.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import belle
from belle.engine.protocol import Command, Count, Died, Done, Event, Failed, Generate, Load, Quit, SetTemplate, Stop
from belle.engine.worker_process import WorkerProcess

EventHandler = Callable[[Event], None]

STOP_TIMEOUT_S = 10.0
"""After so long without an end, an answer that was stopped is ended with its process."""

CLOSE_TIMEOUT_S = 3.0

_COMMAND = (sys.executable, "-P", "-m", "belle.engine.worker")
_log = logging.getLogger(__name__)


class Engine(Protocol):
    """An engine with at most one model. Commands are answered by events, see `belle.engine.protocol`."""

    def start(self) -> None:
        """Make it ready for commands."""

    def load(self, command: Load) -> None:
        """Load a model."""

    def set_template(self, template: str) -> None:
        """Choose the prompt template of the loaded model."""

    def generate(self, request: Generate) -> None:
        """Answer a conversation."""

    def stop(self, request_id: int) -> None:
        """Stop an answer."""

    def count(self, request: Count) -> None:
        """Count the tokens of a conversation."""

    def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """End it. No event comes afterwards."""


class EngineClient:
    """An engine in a process of its own.

    Args:
        on_event: called on a thread of the client with every event. A worker that ends unasked is told by `Died`,
            once; a command to a dead worker is dropped, for its end was told already.
        stop_timeout: how long an answer may take to stop before its process is ended, in seconds.
    """

    def __init__(self, on_event: EventHandler, *, stop_timeout: float = STOP_TIMEOUT_S) -> None:
        self._on_event = on_event
        self._stop_timeout = stop_timeout
        self._process: WorkerProcess | None = None
        self._lock = threading.RLock()
        self._last_load: Load | None = None
        self._unanswered: set[int] = set()
        self._timers: dict[int, threading.Timer] = {}

    @property
    def alive(self) -> bool:
        """Whether the worker runs."""
        process = self._process
        return process is not None and process.alive

    @property
    def pid(self) -> int | None:
        """Of the worker, also of one that has ended; None before `start`."""
        process = self._process
        return process.pid if process else None

    def start(self) -> None:
        """Start the worker. Does nothing when one runs. Raises OSError when no process can be started."""
        with self._lock:
            if not self.alive:
                self._process = WorkerProcess(_COMMAND, _environment(), self._receive)

    def load(self, command: Load) -> None:
        """Load a model; answered by `Loading`… and `Ready`, or by `Failed` with the id None."""
        self._last_load = command
        self._send(command)

    def set_template(self, template: str) -> None:
        """Choose the prompt template; answered by `Ready`, or by `Failed` with the id None."""
        self._send(SetTemplate(template))

    def generate(self, request: Generate) -> None:
        """Answer a conversation; ends with `Done` or `Failed` with the id of the request."""
        with self._lock:
            self._unanswered.add(request.id)
        self._send(request)

    def stop(self, request_id: int) -> None:
        """Stop an answer. A worker that does not end it within `stop_timeout` is killed, and tells by `Died`."""
        with self._lock:
            process = self._process
            if process is None or request_id in self._timers or request_id not in self._unanswered:
                return
            timer = threading.Timer(self._stop_timeout, process.kill_unresponsive)
            timer.daemon = True
            self._timers[request_id] = timer
            timer.start()
        self._send(Stop(request_id))

    def count(self, request: Count) -> None:
        """Count the tokens of a conversation; answered by `Counted` or `Failed`."""
        self._send(request)

    def restart(self) -> None:
        """End the worker, if it still runs, start another, and load the last model again."""
        self.close()
        self.start()
        if self._last_load is not None:
            self._send(self._last_load)

    def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """End the worker: ask it to quit, after `timeout` seconds terminate it, then kill it. No event afterwards."""
        with self._lock:
            process, self._process = self._process, None
            self._forget_answers()
        if process is not None:
            process.send(Quit())
            process.end(timeout)

    def _send(self, command: Command) -> None:
        process = self._process
        if process is not None:
            process.send(command)

    def _receive(self, process: WorkerProcess, event: Event) -> None:
        """An event, on the reader thread of `process`."""
        with self._lock:
            if process is not self._process:
                return
            match event:
                case Died():
                    self._forget_answers()
                case Done(id=request_id) | Failed(id=int(request_id)):
                    self._unanswered.discard(request_id)
                    if request_id in self._timers:
                        self._timers.pop(request_id).cancel()
        try:
            self._on_event(event)
        except Exception:
            _log.exception("the handler of engine events failed at %r", event)

    def _forget_answers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._unanswered.clear()


def _environment() -> dict[str, str]:
    """The worker finds the same `belle` as we do, wherever it is started."""
    root = str(Path(belle.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
