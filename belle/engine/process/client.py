"""The client of a worker: starts it, sends commands, passes on events, and reports when it died and why.

`Engine` is the interface that the window depends on; `EngineClient` implements it. Everything here may be called from
any thread and returns at once, except `close` and `restart`, which wait for a process to end. Events arrive on a thread
of the client.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from belle.engine.process import safer_mode
from belle.engine.process.commands import (
    AnswerNow,
    Command,
    Count,
    DescribePicture,
    Embed,
    Forget,
    Generate,
    ListTemplates,
    Load,
    Quit,
    ReadAhead,
    SetTemplate,
    Stop,
)
from belle.engine.process.events import Died, Done, Embedded, Event, Failed, Ready, SaferMode, Text, Thinking
from belle.engine.process.in_flight import InFlight
from belle.engine.process.native_process import environment
from belle.engine.process.stop_timers import StopTimers
from belle.engine.process.worker_process import WorkerProcess

EventHandler = Callable[[Event], None]

STOP_TIMEOUT_S = 10.0
"""An answer that has been told to stop and has not ended after this time is ended by killing its process."""

CLOSE_TIMEOUT_S = 5.0

_COMMAND = (sys.executable, "-P", "-m", "belle.engine.worker")
_log = logging.getLogger(__name__)


class Engine(Protocol):
    """An engine with at most one model. Commands are answered by events, as `commands` says."""

    def start(self) -> None:
        """Start the engine."""

    def load(self, command: Load) -> None:
        """Load a model."""

    def set_template(self, template: str) -> None:
        """Choose the prompt template of the loaded model."""

    def generate(self, request: Generate) -> None:
        """Answer a conversation."""

    def stop(self, request_id: int) -> None:
        """Stop an answer."""

    def answer_now(self, request_id: int) -> None:
        """End the thought of an answer."""

    def count(self, request: Count) -> None:
        """Count the tokens of a conversation."""

    def describe_picture(self, request: DescribePicture) -> None:
        """Say what a picture is and what it would cost."""

    def list_templates(self, request: ListTemplates) -> None:
        """List the prompt templates to choose from."""

    def forget(self, conversation: str) -> None:
        """Save nothing of a conversation that was deleted."""

    def read_ahead(self, command: ReadAhead) -> None:
        """Read what the next request will begin with."""

    def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """End the engine. No event comes afterwards."""


class EngineClient:
    """An engine in a process of its own.

    A worker that dies as is typical for kernels that do not work on this processor is replaced once by one without them
    (`belle.engine.process.safer_mode`). The open commands are sent to it again, and `SaferMode` is reported.

    Args:
        on_event: called on a thread of the client with every event. A worker that ends unasked is reported by `Died`,
            once; a command to a dead worker is dropped, because `Died` was reported already.
        stop_timeout: how long an answer may take to stop before its process is ended, in seconds.
    """

    def __init__(self, on_event: EventHandler, *, stop_timeout: float = STOP_TIMEOUT_S) -> None:
        self._on_event = on_event
        self._process: WorkerProcess | None = None
        self._lock = threading.RLock()
        self._in_flight = InFlight()
        self._timers = StopTimers(stop_timeout)
        # The events that prove that safer mode helps, because the worker before died without sending any of them. Empty
        # unless such a proof is awaited.
        self._proof: tuple[type[Event], ...] = ()

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
                self._proof = ()
                self._start(safer=safer_mode.is_on())

    def load(self, command: Load) -> None:
        """Load a model; answered by `Loading`… and `Ready`, or by `Failed` with the id None."""
        self._send(command)

    def set_template(self, template: str) -> None:
        """Choose the prompt template; answered by `Ready`, or by `Failed` with the id None."""
        self._send(SetTemplate(template))

    def generate(self, request: Generate) -> None:
        """Answer a conversation; ends with `Done` or `Failed` with the id of the request."""
        self._send(request)

    def embed(self, request: Embed) -> None:
        """Ask for an embedding; answered by `Embedded` or `Failed`."""
        self._send(request)

    def stop(self, request_id: int) -> None:
        """Stop an answer. A worker that does not end it within `stop_timeout` is killed: `Died` is reported."""
        with self._lock:
            process = self._process
            if process is None or request_id in self._timers or not self._in_flight.is_open(request_id):
                return
            self._timers.start(request_id, process.kill_unresponsive)
        self._send(Stop(request_id))

    def answer_now(self, request_id: int) -> None:
        """End the thought of an answer here; its answer comes next."""
        self._send(AnswerNow(request_id))

    def count(self, request: Count) -> None:
        """Count the tokens of a conversation; answered by `Counted` or `Failed`."""
        self._send(request)

    def describe_picture(self, request: DescribePicture) -> None:
        """Ask what a picture is and what it would cost; answered by `PictureDescribed` or `Failed`."""
        self._send(request)

    def list_templates(self, request: ListTemplates) -> None:
        """List the prompt templates to choose from; answered by `TemplateList` or `Failed`."""
        self._send(request)

    def forget(self, conversation: str) -> None:
        """Save nothing of a conversation that was deleted, and remove what was saved."""
        self._send(Forget(conversation))

    def read_ahead(self, command: ReadAhead) -> None:
        """Read what the next request will begin with, as long as nothing else is asked; told by `HasReadAhead`."""
        self._send(command)

    def restart(self) -> None:
        """End the worker if it still runs, start another one, and load the last model again."""
        self.close()
        self.start()
        if self._in_flight.load is not None:
            self._send(self._in_flight.load)

    def close(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """End the worker: ask it to quit, after `timeout` seconds terminate it, then kill it. No event afterwards."""
        with self._lock:
            process, self._process = self._process, None
            self._forget_answers()
        if process is not None:
            process.send(Quit())
            process.end(timeout)

    def _start(self, *, safer: bool) -> None:
        self._process = WorkerProcess(_COMMAND, environment(safer=safer), self._receive, safer=safer)

    def _send(self, command: Command) -> None:
        with self._lock:
            process = self._process
            if process is not None:
                self._in_flight.sent(command)
        if process is not None:
            process.send(command)

    def _receive(self, process: WorkerProcess, event: Event) -> None:
        """Handle an event, on the reader thread of `process`."""
        with self._lock:
            if process is not self._process:
                return  # of a worker that was closed or replaced meanwhile
            self._in_flight.received(event)
            proven = isinstance(event, self._proof)
            if proven or isinstance(event, Died):
                self._proof = ()
            match event:
                case Died() if self._could_be_safer(process, event):
                    # Open requests stay open: they are sent to the worker that takes its place.
                    self._proof = (Ready,) if self._in_flight.loading else (Thinking, Text, Done)
                case Died():
                    self._forget_answers()
                case Done(id=number) | Embedded(id=number) | Failed(id=int(number)):
                    self._timers.cancel(number)
            goes_on = bool(self._proof)
        # Without the lock from here on: files are written, and the handler of events may call this client.
        if proven:
            safer_mode.remember()
        if isinstance(event, Died) and goes_on:
            self._go_on_safer(process, event)
        else:
            self._tell(event)

    def _could_be_safer(self, process: WorkerProcess, death: Died) -> bool:
        return (
            not process.safer
            and death.kind == "backend_crash"
            and safer_mode.could_help(death.returncode, death.log, working=self._in_flight.working)
        )

    def _go_on_safer(self, before: WorkerProcess, death: Died) -> None:
        """Replace the worker that died by one in safer mode, and send it the commands that are not answered."""
        before.end(timeout=0)
        self._tell(SaferMode(death.returncode, death.log))
        with self._lock:
            if self._process is not before:
                return
            begun = self._in_flight.drop_begun()
            stopping = [request_id for request_id in self._timers if request_id not in begun]
            self._timers.cancel_all()
        for request_id in begun:
            self._tell(Failed(request_id, death.kind, death.message, "Ask again."))
        with self._lock:
            if self._process is not before:
                return
            try:
                self._start(safer=True)
            except OSError:
                self._proof = ()
                self._forget_answers()
            else:
                for command in self._in_flight.commands():
                    self._send(command)
                for request_id in stopping:
                    self.stop(request_id)
                return
        self._tell(death)

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            _log.exception("the handler of engine events failed at %r", event)

    def _forget_answers(self) -> None:
        self._timers.cancel_all()
        self._in_flight.drop_requests()
