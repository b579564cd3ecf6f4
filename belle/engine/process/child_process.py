"""A child process that speaks a protocol of lines: its pipes, and the threads that read them.

What the lines are, and how a death is explained, is for subclasses to say.
"""

from __future__ import annotations

import subprocess
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Generic, TypeVar

from belle.engine.process.events import Died
from belle.engine.process.faults import Death
from belle.engine.process.memory_pressure import MemoryFacts, MemoryWatch
from belle.engine.process.protocol import ProtocolError

CommandT = TypeVar("CommandT")
EventT = TypeVar("EventT")

_LOG_LINES = 200
_LONGEST_LINE = 2000
_GRACE_S = 2.0


class ChildProcess(ABC, Generic[CommandT, EventT]):
    """Starts a process and reads it until it ends.

    Args:
        command: the program with its arguments.
        environment: of the process.
        on_event: called with this process and each event, on a thread of its own. `Died` is the last one, and comes
            only when `end` was not called.

    Raises OSError when the process cannot be started.
    """

    unresponsive: Death
    """Why a process that does not react was ended."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_event: Callable[[Any, EventT | Died], None],
    ) -> None:
        self._on_event = on_event
        self._memory = MemoryWatch()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._writing = threading.Lock()
        self._ending = False
        self._death: Death | None = None
        # In a session of its own, so that Ctrl-C in a terminal reaches the client alone.
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._stderr_reader = self._thread(self._read_log, "engine-log")
        self._reader = self._thread(self._read_events, "engine-events")

    @abstractmethod
    def _encode(self, command: CommandT) -> bytes:
        """A command as a line."""

    @abstractmethod
    def _decode(self, line: bytes) -> EventT:
        """The event of a line. Raises ProtocolError."""

    @abstractmethod
    def _explain(self, returncode: int | None, log: str, memory: MemoryFacts) -> Death:
        """Why the process ended unasked; arguments as of `faults.death`."""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._popen.poll() is None

    def send(self, command: CommandT) -> None:
        """Send a command; dropped when the process has ended."""
        with self._writing, suppress(OSError, ValueError):
            pipe = _pipe(self._popen.stdin)
            pipe.write(self._encode(command))
            pipe.flush()

    def end(self, timeout: float) -> None:
        """Close its stdin, which means quit; terminate it after `timeout` seconds, kill it after some more."""
        self._ending = True
        # Not while another thread writes a line. But that thread may be stuck in a full pipe: the wait is limited.
        locked = self._writing.acquire(timeout=_GRACE_S)
        with suppress(OSError, ValueError):
            _pipe(self._popen.stdin).close()
        if locked:
            self._writing.release()
        for harder in (self._popen.terminate, self._popen.kill):
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout)
                break
            harder()
            timeout = _GRACE_S
        if threading.current_thread() is not self._reader:
            self._reader.join(_GRACE_S)

    def kill_unresponsive(self) -> None:
        """Kill a process that does not react; reported by `Died`."""
        self._death = self.unresponsive
        self._popen.terminate()
        try:
            self._popen.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def _read_events(self) -> None:
        with suppress(OSError, ValueError), _pipe(self._popen.stdout) as pipe:
            for line in pipe:
                try:
                    event = self._decode(line)
                except ProtocolError as error:
                    self._log.append(str(error))
                    continue
                self._memory.look()
                self._on_event(self, event)
        returncode = self._popen.wait()
        self._stderr_reader.join(_GRACE_S)
        if not self._ending:
            log = "\n".join(self._log)
            why = self._death or self._explain(returncode, log, self._memory.facts())
            self._on_event(self, Died(*why, returncode=returncode, log=log))

    def _read_log(self) -> None:
        """Read stderr all the time: a full pipe would block the worker."""
        with suppress(OSError, ValueError), _pipe(self._popen.stderr) as pipe:
            for line in pipe:
                self._log.append(line.decode("utf-8", "replace").rstrip()[:_LONGEST_LINE])


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe
