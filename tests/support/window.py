"""A window process (`tests.support.window_driver`) as an object: commands in, events out."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Window:
    """A window process and what it has told so far (`seen`)."""

    def __init__(self, *prefix: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.support.window_driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.seen: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def tell(self, command: str) -> None:
        """Send a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def next(self, timeout: float = 120) -> dict[str, Any] | None:
        """The next event; None after the last."""
        event = self._events.get(timeout=timeout)
        if event is not None:
            self.seen.append(event)
        return event

    def until(self, name: str) -> dict[str, Any]:
        """Read events up to the next one called `name`."""
        while (event := self.next()) is not None:
            if event["event"] == name:
                return event
        assert self.process.stderr is not None
        raise AssertionError(f"the window ended before {name!r}: {self.process.stderr.read()[-3000:]}")

    def drain(self, seconds: float) -> None:
        """Read events for `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                if self.next(left) is None:
                    return
            except queue.Empty:
                return

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def rest(self) -> None:
        """Read what is left after the process has ended."""
        while self.next() is not None:
            pass


@contextmanager
def open_window(*prefix: str) -> Iterator[Window]:
    """A window process that is certainly gone afterwards. `prefix` is a command to run it under."""
    window = Window(*prefix)
    try:
        yield window
    finally:
        window.close()
