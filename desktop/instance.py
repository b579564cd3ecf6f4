"""One window per person: a second start hands over what it was to open to the first, which comes to the front.

The first window listens on a socket beside the conversations, which only this user may enter; nothing goes over a
network. Whoever holds the lock of the store is the first, so a socket that a crash left behind is simply replaced.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Signal

from belle import paths

# `socket` and `json` are not read before the first window is there.
if TYPE_CHECKING:
    import socket

_ANSWER_S = 3.0  # how long the first window may take to answer
_READ_S = 0.5  # how long the first window waits for a line that was begun
_AGAIN_S = 0.1
_LONGEST = 1 << 16
_TAKEN = b"taken\n"


def hand_over(model: str, *, timeout_s: float = 0.0) -> bool:
    """Have the window that is open already come to the front and load `model` (a name or a file; empty: none).

    False when there is no such window, after trying for `timeout_s`: one that has just started does not listen yet.
    """
    until = time.monotonic() + timeout_s
    while not _tell(_absolute(model)):
        if time.monotonic() >= until:
            return False
        time.sleep(_AGAIN_S)
    return True


class FirstWindow(QObject):
    """Listens for later starts, from `listen` on. To be called only by who has the store open."""

    called = Signal(object)  # str; as an object, so that a name that is not UTF-8 arrives whole
    """A later start: what it was to open, or nothing."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._socket: socket.socket | None = None
        self._notifier: QSocketNotifier | None = None

    def listen(self) -> bool:
        """Begin. False where no socket can be made: then later starts say that a window is open."""
        import socket

        path = paths.window_socket()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)
            before = os.umask(0o077)
            try:
                server.bind(os.fspath(path))
            finally:
                os.umask(before)
            server.listen()
            server.setblocking(False)
        except OSError:
            server.close()
            return False
        self._socket = server
        self._notifier = QSocketNotifier(server.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._accept)
        return True

    def close(self) -> None:
        """Listen no longer. May be called twice."""
        if self._socket is not None and self._notifier is not None:
            self._notifier.setEnabled(False)
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                paths.window_socket().unlink(missing_ok=True)

    def _accept(self) -> None:
        if self._socket is None:
            return
        from belle.documents import DocumentError, parse_json

        with contextlib.suppress(OSError, DocumentError):
            caller, _ = self._socket.accept()
            with caller:
                caller.settimeout(_READ_S)
                request = parse_json(_line(caller))
                model = request.get("open") if isinstance(request, dict) else None
                if isinstance(model, str):
                    caller.sendall(_TAKEN)
                    self.called.emit(model)


def _tell(model: str) -> bool:
    path = paths.window_socket()
    try:
        if path.stat().st_uid != os.getuid():  # in a folder for all, anybody can have made it
            return False
        import json
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(_ANSWER_S)
            caller.connect(os.fspath(path))
            caller.sendall(json.dumps({"open": model}).encode() + b"\n")
            return _line(caller) == _TAKEN
    except (OSError, ValueError):
        return False


def _line(connection: socket.socket) -> bytes:
    """What the other side says, up to the end of its line. Raises OSError."""
    data = b""
    while not data.endswith(b"\n") and len(data) < _LONGEST:
        more = connection.recv(4096)
        if not more:
            break
        data += more
    return data


def _absolute(model: str) -> str:
    """A file keeps its meaning in another folder."""
    try:
        return str(Path(model).absolute()) if model and Path(model).exists() else model
    except (OSError, ValueError):
        return model
