"""The client of the speaking worker: starts it when it is first needed, sends commands, passes on events.

Everything may be called from any thread and returns at once, except `close`. Events arrive on a thread of the client.
A worker that died is reported by `Died`, once; the next request starts another one.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable

from belle.engine.process.child_process import ChildProcess
from belle.engine.process.commands import Quit, Stop
from belle.engine.process.events import Died, Failed
from belle.engine.process.faults import CRASHES, Death, death
from belle.engine.process.memory_pressure import MemoryFacts
from belle.engine.process.native_process import environment
from belle.engine.process.protocol import encode
from belle.engine.process.stop_timers import StopTimers
from belle.speech.speaking.commands import ListVoices, Speak, SpeakingCommand, SpeakMore
from belle.speech.speaking.events import ReadingEnded, SpeakingEvent
from belle.speech.speaking.protocol import decode_speaking_event

SpeakingHandler = Callable[[SpeakingEvent | Died], None]

STOP_TIMEOUT_S = 5.0
"""A reading that has been told to stop and has not ended after this time is ended by killing its process."""

_WHO = "The process that speaks"
_CLOSE_TIMEOUT_S = 5.0
_COMMAND = (sys.executable, "-P", "-m", "belle.speech.speaking.worker")
_log = logging.getLogger(__name__)


class SpeakingProcess(ChildProcess[SpeakingCommand, SpeakingEvent]):
    """A running speaking worker."""

    unresponsive = Death("unresponsive", f"{_WHO} did not stop when asked to, and was ended.", "Try it again.")

    def _encode(self, command: SpeakingCommand) -> bytes:
        return encode(command)

    def _decode(self, line: bytes) -> SpeakingEvent:
        return decode_speaking_event(line)

    def _explain(self, returncode: int | None, log: str, memory: MemoryFacts) -> Death:
        why = death(returncode, log, memory=memory, who=_WHO)
        if why.kind in ("out_of_memory", "killed_low_memory"):
            return why._replace(advice="Close other programs, or choose a voice of the system.")
        number = -returncode if returncode is not None and returncode < 0 else 0
        if number in (*CRASHES, signal.SIGILL):
            message = f"{_WHO} crashed ({signal.Signals(number).name})."
            return Death("backend_crash", message, "Choose another voice, or install onnxruntime again.")
        return why


class SpeakingClient:
    """Speech in a process of its own, which does not run before the first request.

    Args:
        on_event: called on a thread of the client with every event.
        stop_timeout: how long a reading may take to stop before its process is ended, in seconds.
    """

    def __init__(self, on_event: SpeakingHandler, *, stop_timeout: float = STOP_TIMEOUT_S) -> None:
        self._on_event = on_event
        self._process: SpeakingProcess | None = None
        self._lock = threading.RLock()
        self._timers = StopTimers(stop_timeout)

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

    def send(self, command: Speak | ListVoices) -> None:
        """Begin a reading, which ends with `ReadingEnded` or `Failed`, or ask for the voices.

        Raises OSError where no worker can be started.
        """
        with self._lock:
            if self._process is None or not self._process.alive:
                if self._process is not None:
                    self._process.end(timeout=0)  # closes its pipes
                self._process = SpeakingProcess(_COMMAND, environment(safer=False), self._receive)
            self._process.send(command)

    def more(self, command: SpeakMore) -> None:
        """Add sentences to a reading."""
        with self._lock:
            if self._process is not None:
                self._process.send(command)

    def stop(self, request_id: int) -> None:
        """Stop a reading. A worker that does not end it within `stop_timeout` is killed: `Died` is reported."""
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

    def _receive(self, process: SpeakingProcess, event: SpeakingEvent | Died) -> None:
        """Handle an event, on the reader thread of `process`."""
        with self._lock:
            if process is not self._process:
                return  # of a worker that was closed or replaced meanwhile
            match event:
                case Died():
                    self._timers.cancel_all()
                case ReadingEnded(id=number) | Failed(id=int(number)):
                    self._timers.cancel(number)
        try:
            self._on_event(event)
        except Exception:
            _log.exception("the handler of speaking events failed at %r", event)
