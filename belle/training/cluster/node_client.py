"""The launcher's end of the connection to one machine's `belle.training.cluster.node`."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from belle.documents import parse_json
from belle.training.cluster.hosts import Host

_REMEMBERED_LINES = 12
_SECONDS_TO_END = 30.0


class NodeClient:
    """A machine's node as a child process: ssh, or Python itself. A context manager.

    Attributes:
        number, host: which of the hosts.
        lines: the last ones that its processes wrote.

    Args:
        command: starts the node.
        events: gets (number, event) for everything it says, and {"event": "gone"} at the end.
    """

    def __init__(
        self, number: int, host: Host, command: Sequence[str], events: queue.SimpleQueue[tuple[int, dict[str, Any]]]
    ) -> None:
        self.number, self.host = number, host
        self.lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._words: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._events = events
        # A session of its own: Ctrl-C in the terminal is for the launcher, which passes it on.
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        self._readers[1].start()
        self._readers[0].start()

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection; the node ends what still runs."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()

    def send(self, request: Mapping[str, Any]) -> None:
        """Write a line; a broken connection shows up as `gone`."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def remember(self, line: str) -> None:
        """Keep what a process wrote."""
        self.lines.append(line)

    def last_words(self) -> str:
        """The last line that ssh or Python wrote, not the processes."""
        self._readers[1].join(timeout=5)
        return self._words[-1] if self._words else ""

    def status(self) -> int:
        """How ssh or the node ended."""
        return self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                try:
                    event = parse_json(line)
                except ValueError:  # what the shell on the other side says when it starts
                    self._words.append(line.strip())
                    continue
                self._events.put((self.number, event))
        self._events.put((self.number, {"event": "gone"}))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            self._words.extend(line.strip() for line in stream if line.strip())
