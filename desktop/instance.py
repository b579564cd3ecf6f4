"""Single instance: a second start hands its model over to the first window, which comes to the front.

The first window listens on a Unix socket beside the conversations, open to this user only; no network is involved. The
protocol is one line each way: `{"open": MODEL, "offline": true, "ask": false}`, answered by `taken`. The lock of the
store decides who is first (`store.opening.StoreLock`), so a socket file that a crash left behind is simply replaced.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Signal

from belle import paths

# `socket` and `json` are imported at their first use, after the window is painted.
if TYPE_CHECKING:
    import socket

_REPLY_TIMEOUT_S = 3.0  # the first window may be busy
_REQUEST_TIMEOUT_S = 0.5  # the first window does not react while it reads a request
_RETRY_INTERVAL_S = 0.1
_MAX_LINE = 1 << 16  # bytes
_ACCEPTED = b"taken\n"


def hand_over(model: str, *, ask: bool = False, timeout_s: float = 0.0) -> bool:
    """Ask the first window to come to the front and load `model` (a name or a file; empty: none).

    With `ask`, its window for a quick question comes to the front instead.

    When this start is to refuse the network, so is that window from now on.
    False when no window answers within `timeout_s`; one that has just started may not listen yet.
    """
    deadline = time.monotonic() + timeout_s
    while not _send_request(_absolute(model), ask=ask):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_RETRY_INTERVAL_S)
    return True


class InstanceServer(QObject):
    """Receives the requests of later starts. Only the window that holds the lock of the store may create one."""

    start_requested = Signal(
        object
    )  # str; as an object, because Qt's strings lose the surrogates of a name that is not UTF-8
    """The model that a later start was given; empty when none."""
    ask_requested = Signal()
    """A later start is for a quick question."""
    offline_requested = Signal()
    """A later start was told to refuse the network."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._socket: socket.socket | None = None
        self._notifier: QSocketNotifier | None = None

    def listen(self) -> bool:
        """Start listening. False where no socket can be created: a later start then reports that a window is open."""
        import socket

        path = paths.window_socket()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.unlink(missing_ok=True)
            before = os.umask(0o077)  # `bind` creates the file; a `chmod` after it would come too late
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
        """Stop listening. May be called twice."""
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
                caller.settimeout(_REQUEST_TIMEOUT_S)
                request = parse_json(_read_line(caller))
                model = request.get("open") if isinstance(request, dict) else None
                if isinstance(model, str):
                    if request.get("offline") is True:
                        self.offline_requested.emit()
                    caller.sendall(_ACCEPTED)
                    if request.get("ask") is True:
                        self.ask_requested.emit()
                    if model or request.get("ask") is not True:
                        self.start_requested.emit(model)


def _send_request(model: str, *, ask: bool) -> bool:
    path = paths.window_socket()
    try:
        if path.stat().st_uid != os.getuid():  # in a shared folder, another user may have created it
            return False
        import json
        import socket

        from belle import network

        request = {"open": model, "offline": network.offline_reason() is not None, "ask": ask}
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(_REPLY_TIMEOUT_S)
            caller.connect(os.fspath(path))
            caller.sendall(json.dumps(request).encode() + b"\n")
            return _read_line(caller) == _ACCEPTED
    except (OSError, ValueError):
        return False


def _read_line(connection: socket.socket) -> bytes:
    """Receive one line, with its end. Raises OSError."""
    data = b""
    while not data.endswith(b"\n") and len(data) < _MAX_LINE:
        chunk = connection.recv(4096)
        if not chunk:
            break
        data += chunk
    return data


def _absolute(model: str) -> str:
    """The absolute path of a file, because the first window may run in another folder; a name stays as it is."""
    try:
        return str(Path(model).absolute()) if model and Path(model).exists() else model
    except (OSError, ValueError):
        return model
