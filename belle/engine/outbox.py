"""The worker's way out: events as lines into a pipe that may be full.

Text goes out at most every 25 ms: an event costs both processes time, and a fast model makes a token in 8 ms. When the
client reads late, text waits longer and grows together into fewer events, instead of holding up the model; only other
events wait for the client, and `close` ends that wait too.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from time import monotonic

from belle.engine.protocol import Event, Text, encode

_SLICE = select.PIPE_BUF  # so much fits without blocking when the pipe says that it can be written to
_POLL_S = 0.1
_TEXT_S = 0.025


class Outbox:
    """Writes events to the file descriptor `fd`; from any thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._waiting_id = 0
        self._text_sent_at = 0.0
        self._closed = False

    def send(self, event: Event) -> None:
        """Send `event`, after all that came before it. Waits for the client unless it is text."""
        with self._lock:
            if isinstance(event, Text):
                self._send_text(event)
            else:
                self._flush()
                self._write(encode(event))

    def close(self) -> None:
        """Nobody reads any more: drop everything from now on, also what is waiting."""
        self._closed = True

    def _send_text(self, event: Text) -> None:
        if event.id != self._waiting_id:
            self._flush()
            self._waiting_id = event.id
        self._waiting.append(event.text)
        now = monotonic()
        if now - self._text_sent_at >= _TEXT_S and self._writable(0):
            self._text_sent_at = now
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._write(encode(Text(self._waiting_id, "".join(self._waiting))))
            self._waiting.clear()

    def _write(self, line: bytes) -> None:
        view = memoryview(line)
        while view and not self._closed:
            if self._writable(_POLL_S):
                try:
                    view = view[os.write(self._fd, view[:_SLICE]) :]
                except OSError:
                    self._closed = True

    def _writable(self, timeout_s: float) -> bool:
        with suppress(OSError, ValueError):
            return bool(select.select((), (self._fd,), (), timeout_s)[1])
        return True  # let the write find out
