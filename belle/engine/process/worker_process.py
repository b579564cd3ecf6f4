"""A running worker of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from belle.engine.process.child_process import ChildProcess
from belle.engine.process.commands import Command
from belle.engine.process.events import Event
from belle.engine.process.faults import Death, death
from belle.engine.process.memory_pressure import MemoryFacts
from belle.engine.process.protocol import decode_event, encode


class WorkerProcess(ChildProcess[Command, Event]):
    """Starts a worker and reads it until it ends.

    Args:
        command, environment, on_event: as of `ChildProcess`.
        safer: whether `environment` sets safer mode.
    """

    unresponsive = Death(
        "unresponsive",
        "The model did not stop when asked to, and was ended.",
        "Start it again, perhaps with a smaller context.",
    )

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_event: Callable[[WorkerProcess, Event], None],
        *,
        safer: bool = False,
    ) -> None:
        self.safer = safer
        super().__init__(command, environment, on_event)

    def _encode(self, command: Command) -> bytes:
        return encode(command)

    def _decode(self, line: bytes) -> Event:
        return decode_event(line)

    def _explain(self, returncode: int | None, log: str, memory: MemoryFacts) -> Death:
        return death(returncode, log, memory=memory, safer_too=self.safer)
