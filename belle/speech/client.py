"""The client of the speech worker (`worker_client`). After a death the next worker loads the same model first."""

from __future__ import annotations

import sys
from collections.abc import Callable

from belle.engine.process.child_process import ChildProcess
from belle.engine.process.events import Died, Failed
from belle.engine.process.faults import Death
from belle.engine.process.memory_pressure import MemoryFacts
from belle.engine.process.native_process import environment
from belle.engine.process.protocol import encode
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
from belle.speech.worker_client import WorkerClient

SpeechHandler = Callable[[SpeechEvent | Died], None]

STOP_TIMEOUT_S = 10.0
"""A request that has been told to stop and has not ended after this time is ended by killing its process."""

_COMMAND = (sys.executable, "-P", "-m", "belle.speech.worker")


class SpeechProcess(ChildProcess[SpeechCommand, SpeechEvent]):
    """A running speech worker."""

    unresponsive = UNRESPONSIVE

    def _encode(self, command: SpeechCommand) -> bytes:
        return encode(command)

    def _decode(self, line: bytes) -> SpeechEvent:
        return decode_event(line)

    def _explain(self, returncode: int | None, log: str, memory: MemoryFacts) -> Death:
        return speech_death(returncode, log, memory)


class SpeechClient(WorkerClient[SpeechCommand, SpeechEvent]):
    """Speech recognition in a process of its own, which does not run before `load`; arguments of `WorkerClient`."""

    def __init__(self, on_event: SpeechHandler, *, stop_timeout: float = STOP_TIMEOUT_S) -> None:
        super().__init__(on_event, stop_timeout=stop_timeout)
        self._load: LoadSpeech | None = None

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

    def _start(self) -> None:
        super()._start()
        if self._load is not None:
            self._send(self._load)

    def _new_process(self) -> SpeechProcess:
        return SpeechProcess(_COMMAND, environment(safer=False), self._receive)

    def _ended(self, event: SpeechEvent) -> int | None:
        match event:
            case Transcribed(id=number) | RecordingEnded(id=number) | Failed(id=int(number)):
                return number
        return None
