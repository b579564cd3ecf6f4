"""The worker's output: events as lines in a pipe that may be full.

A client that is busy drawing reads late. Then text is collected here into fewer, longer events, and the model goes on
generating; other events wait for the client, and `close` ends that wait.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress

from belle.engine.process.events import Event, Text
from belle.engine.process.protocol import encode

_SLICE = select.PIPE_BUF  # a pipe that `select` reports as writable takes this many bytes without blocking
_POLL_S = 0.1


class Outbox:
    """Writes events to the file descriptor `fd`. May be used from any thread."""

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
        """Drop everything from now on, also what is waiting: the client has gone."""
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

    def _write(self, timeout_s: float) -> None:
        """Write everything, looking every `timeout_s` whether the pipe has room; with 0, what fits into it now."""
        while self._unsent and not self._closed:
            if self._writable(timeout_s):
                try:
                    self._unsent = self._unsent[os.write(self._fd, self._unsent[:_SLICE]) :]
                except OSError:
                    self._closed = True
            elif not timeout_s:
                return

    def _writable(self, timeout_s: float) -> bool:
        with suppress(OSError, ValueError):
            return bool(select.select((), (self._fd,), (), timeout_s)[1])
        return True  # the write will fail and say why
