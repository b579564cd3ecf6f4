"""The client of the speaking worker (`belle.speech.worker_client`)."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from belle.engine.process.child_process import ChildProcess
from belle.engine.process.events import Died, Failed
from belle.engine.process.faults import CRASHES, Death, death
from belle.engine.process.memory_pressure import MemoryFacts
from belle.engine.process.native_process import environment
from belle.engine.process.protocol import encode
from belle.speech.speaking.commands import ListVoices, Speak, SpeakingCommand, SpeakMore
from belle.speech.speaking.events import ReadingEnded, SpeakingEvent
from belle.speech.speaking.protocol import decode_speaking_event
from belle.speech.worker_client import WorkerClient

SpeakingHandler = Callable[[SpeakingEvent | Died], None]

STOP_TIMEOUT_S = 5.0
"""A reading that has been told to stop and has not ended after this time is ended by killing its process."""

_WHO = "The process that speaks"
_COMMAND = (sys.executable, "-P", "-m", "belle.speech.speaking.worker")


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


class SpeakingClient(WorkerClient[SpeakingCommand, SpeakingEvent]):
    """Speech in a process of its own, which does not run before the first request; arguments of `WorkerClient`."""

    def __init__(self, on_event: SpeakingHandler, *, stop_timeout: float = STOP_TIMEOUT_S) -> None:
        super().__init__(on_event, stop_timeout=stop_timeout)

    def send(self, command: Speak | ListVoices) -> None:
        """Begin a reading, which ends with `ReadingEnded` or `Failed`, or ask for the voices.

        Raises OSError where no worker can be started.
        """
        self._request(command)

    def more(self, command: SpeakMore) -> None:
        """Add sentences to a reading."""
        self._send(command)

    def _new_process(self) -> SpeakingProcess:
        return SpeakingProcess(_COMMAND, environment(safer=False), self._receive)

    def _ended(self, event: SpeakingEvent) -> int | None:
        match event:
            case ReadingEnded(id=number) | Failed(id=int(number)):
                return number
        return None
