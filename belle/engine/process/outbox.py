"""The worker's way out: events as lines into a pipe that may be full.

A client that is busy drawing reads late. Then text waits here and grows together into fewer, longer events, instead of
holding up the model; only other events wait for the client, and `close` ends that wait too.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress

from belle.engine.process.protocol import Event, Text, encode

_SLICE = select.PIPE_BUF  # so much fits without blocking when the pipe says that it can be written to
_POLL_S = 0.1


class Outbox:
    """Writes events to the file descriptor `fd`; from any thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._texts: list[str] = []
        self._texts_id = 0
        self._unsent = b""
        self._closed = False

    def send(self, event: Event) -> None:
        """Send `event`, after all that came before it. Waits for the client unless it is text."""
        with self._lock:
            if isinstance(event, Text):
                self._send_text(event)
            else:
                self._encode_texts()
                self._unsent += encode(event)
                self._write(_POLL_S)

    def close(self) -> None:
        """Nobody reads any more: drop everything from now on, also what is waiting."""
        self._closed = True

    def _send_text(self, event: Text) -> None:
        if event.id != self._texts_id:
            self._encode_texts()
            self._texts_id = event.id
        self._texts.append(event.text)
        self._write(0)
        if not self._unsent:
            self._encode_texts()
            self._write(0)

    def _encode_texts(self) -> None:
        if self._texts:
            self._unsent += encode(Text(self._texts_id, "".join(self._texts)))
            self._texts.clear()

    def _write(self, patience_s: float) -> None:
        """Write all there is; without patience, what fits into the pipe now."""
        while self._unsent and not self._closed:
            if self._writable(patience_s):
                try:
                    self._unsent = self._unsent[os.write(self._fd, self._unsent[:_SLICE]) :]
                except OSError:
                    self._closed = True
            elif not patience_s:
                return

    def _writable(self, timeout_s: float) -> bool:
        with suppress(OSError, ValueError):
            return bool(select.select((), (self._fd,), (), timeout_s)[1])
        return True  # let the write find out
