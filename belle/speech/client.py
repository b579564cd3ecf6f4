"""The client of the speech worker: starts it when it is first needed, sends commands, passes on events.

Everything may be called from any thread and returns at once, except `close`. Events arrive on a thread of the client.
A worker that died is reported by `Died`, once; the next request starts another one, which loads the same model first.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable

from belle.engine.process.child_process import ChildProcess
from belle.engine.process.commands import Quit, Stop
from belle.engine.process.events import Died, Failed
from belle.engine.process.faults import Death
from belle.engine.process.memory_pressure import MemoryFacts
from belle.engine.process.native_process import environment
from belle.engine.process.protocol import encode
from belle.engine.process.stop_timers import StopTimers
from belle.speech.commands import (
    FinishRecording,
    ListMicrophones,
    LoadSpeech,
    SpeechCommand,
    StartRecording,
    Transcribe,
    Unload,
)
from belle.speech.events import RecordingEnded, SpeechEvent, Transcribed
from belle.speech.faults import UNRESPONSIVE, speech_death
from belle.speech.protocol import decode_event

SpeechHandler = Callable[[SpeechEvent | Died], None]

STOP_TIMEOUT_S = 10.0
"""A request that has been told to stop and has not ended after this time is ended by killing its process."""

_CLOSE_TIMEOUT_S = 5.0
_COMMAND = (sys.executable, "-P", "-m", "belle.speech.worker")
_log = logging.getLogger(__name__)


class SpeechProcess(ChildProcess[SpeechCommand, SpeechEvent]):
    """A running speech worker."""

    unresponsive = UNRESPONSIVE

    def _encode(self, command: SpeechCommand) -> bytes:
        return encode(command)

    def _decode(self, line: bytes) -> SpeechEvent:
        return decode_event(line)

    def _explain(self, returncode: int | None, log: str, memory: MemoryFacts) -> Death:
        return speech_death(returncode, log, memory)


class SpeechClient:
    """Speech recognition in a process of its own, which does not run before `load`.

    Args:
        on_event: called on a thread of the client with every event.
        stop_timeout: how long a request may take to stop before its process is ended, in seconds.
    """

    def __init__(self, on_event: SpeechHandler, *, stop_timeout: float = STOP_TIMEOUT_S) -> None:
        self._on_event = on_event
        self._process: SpeechProcess | None = None
        self._lock = threading.RLock()
        self._load: LoadSpeech | None = None
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

    def load(self, command: LoadSpeech) -> None:
        """Load a model; answered by `SpeechReady`, or by `Failed` with the id None. Raises OSError."""
        with self._lock:
            self._load = command
            if self.alive:
                self._send(command)
            else:
                self._start()

    def transcribe(self, request: Transcribe) -> None:
        """Transcribe a recording; ends with `Transcribed` or `Failed`. Where the worker has died, `SpeechReady` of
        another one comes first. Raises OSError where none can be started."""
        self._request(request)

    def record(self, request: StartRecording) -> None:
        """Record a microphone; ends with `RecordingEnded` or `Failed`. Raises OSError without a worker."""
        self._request(request)

    def finish(self, request_id: int) -> None:
        """End a recording, to be transcribed."""
        with self._lock:
            self._send(FinishRecording(request_id))

    def list_microphones(self) -> None:
        """Ask for the microphones; answered by `MicrophoneList`, or by `Failed` with the id None. Raises OSError."""
        self._request(ListMicrophones())

    def unload(self) -> None:
        """Free the model; answered by `Unloaded`. The next request needs `load` first."""
        with self._lock:
            self._load = None
            self._send(Unload())

    def stop(self, request_id: int) -> None:
        """Stop a request. A worker that does not end it within `stop_timeout` is killed: `Died` is reported."""
        with self._lock:
            process = self._process
            if process is None or request_id in self._timers:
                return
            self._timers.start(request_id, process.kill_unresponsive)
            self._send(Stop(request_id))

    def close(self, timeout: float = _CLOSE_TIMEOUT_S) -> None:
        """End the worker. No event comes afterwards."""
        with self._lock:
            process, self._process = self._process, None
            self._timers.cancel_all()
        if process is not None:
            process.send(Quit())
            process.end(timeout)

    def _request(self, command: SpeechCommand) -> None:
        with self._lock:
            if not self.alive:
                self._start()
            self._send(command)

    def _start(self) -> None:
        """Start a worker with the last model, in place of one that has died."""
        if self._process is not None:
            self._process.end(timeout=0)  # closes its pipes
        self._process = SpeechProcess(_COMMAND, environment(safer=False), self._receive)
        if self._load is not None:
            self._send(self._load)

    def _send(self, command: SpeechCommand) -> None:
        if self._process is not None:
            self._process.send(command)

    def _receive(self, process: SpeechProcess, event: SpeechEvent | Died) -> None:
        """Handle an event, on the reader thread of `process`."""
        with self._lock:
            if process is not self._process:
                return  # of a worker that was closed or replaced meanwhile
            match event:
                case Died():
                    self._timers.cancel_all()
                case Transcribed(id=number) | RecordingEnded(id=number) | Failed(id=int(number)):
                    self._timers.cancel(number)
        try:
            self._on_event(event)
        except Exception:
            _log.exception("the handler of speech events failed at %r", event)
