"""“Serve on this computer”: `belle serve` as a child process of the window, while it is switched on.

The child has the model a second time (its weights are shared memory) and ends with the window, however that ends: it
watches its standard input.
"""

from __future__ import annotations

import re
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from belle import paths
from belle.errors import KnownError
from belle.texts import read_text, visible

if TYPE_CHECKING:
    from desktop.model_settings import LoadSettings

_PORT = 8080
_ADDRESS = re.compile(r"http://\S+/v1")
_CLOSE_TIMEOUT_MS = 5000
_LONGEST_OUTPUT = 1 << 14
_LONGEST_TOKEN = 4096

ServerStatus = Literal["off", "starting", "on", "failed"]


@dataclass(frozen=True, slots=True)
class ServerState:
    """What there is to say of the server.

    Args:
        status: whether it runs.
        model: name or path of the model that it serves.
        address: of its API, once it is on.
        token: what clients have to show.
        problem: why it ended, in its own words.
    """

    status: ServerStatus = "off"
    model: str = ""
    address: str = ""
    token: str = ""
    problem: str = ""


class ModelServer(QObject):
    """Starts and ends the child. `state` is what is known of it; `changed` has the new one.

    Args:
        program: what is run instead of `python -m belle serve`, with its first words.
    """

    changed = Signal(object)

    def __init__(
        self, parent: QObject | None = None, *, program: tuple[str, ...] = (sys.executable, "-P", "-m", "belle")
    ) -> None:
        super().__init__(parent)
        self._program = program
        self._process: QProcess | None = None
        self._output = ""
        self.state = ServerState()

    def start(self, model: str, loaded_with: LoadSettings | None = None) -> None:
        """Serve a model, by its name or path, with the settings that it is loaded with here. Does nothing while one is
        served."""
        if self._process is not None:
            return
        self._output = ""
        process = self._process = QProcess(self)
        process.setProcessEnvironment(_environment())
        process.setStandardOutputFile(QProcess.nullDevice())
        process.readyReadStandardError.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._failed_to_start)
        self._set(ServerState("starting", model))
        command, *words = self._program
        options = ["--port", str(_free_port()), "--end-with-input", *(_options(loaded_with) if loaded_with else ())]
        process.start(command, [*words, "serve", model, *options])

    def stop(self) -> None:
        """End it; `off` follows."""
        if self._process is not None:
            self._process.closeWriteChannel()

    def close(self) -> None:
        """End it and wait for that."""
        process, self._process = self._process, None
        if process is None:
            return
        process.finished.disconnect()
        process.errorOccurred.disconnect()
        process.closeWriteChannel()
        if not process.waitForFinished(_CLOSE_TIMEOUT_MS):
            process.kill()
            process.waitForFinished(_CLOSE_TIMEOUT_MS)
        self.state = ServerState()

    def _read(self) -> None:
        if self._process is None:
            return
        self._output += bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        self._output = self._output[-_LONGEST_OUTPUT:]
        address = _ADDRESS.search(self._output)
        if address and self.state.status == "starting":
            try:
                token = read_text(paths.server_token_file(), longest=_LONGEST_TOKEN).strip()
            except KnownError as error:
                self._set(ServerState("failed", self.state.model, problem=str(error)))
                self.stop()
                return
            self._set(ServerState("on", self.state.model, address[0], token))

    def _ended(self, _code: int = 0, _status: object = None) -> None:
        self._read()
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        if self.state.status == "failed":
            return
        words = re.findall(r"^(?:belle:)? {0,7}(\S.*)$", self._output, flags=re.MULTILINE)
        wanted = process is None or process.exitCode() in (0, 130)
        problem = "" if wanted else visible(" ".join(words[-2:]))
        self._set(ServerState("off") if wanted else ServerState("failed", self.state.model, problem=problem))

    def _failed_to_start(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if error == QProcess.ProcessError.FailedToStart and process is not None:
            self._process = None
            process.deleteLater()
            self._set(ServerState("failed", self.state.model, problem=process.errorString()))

    def _set(self, state: ServerState) -> None:
        self.state = state
        self.changed.emit(state)


def _options(settings: LoadSettings) -> list[str]:
    """The options of `belle serve` for these settings."""
    options = ["--ctx", str(settings.n_ctx), "--kv-type", settings.kv_type]
    options += ["--flash-attention", settings.flash_attention]
    return options if settings.threads is None else [*options, "--threads", str(settings.threads)]


def _environment() -> QProcessEnvironment:
    from belle.engine.process import safer_mode
    from belle.engine.process.native_process import environment

    result = QProcessEnvironment()
    for name, value in environment(safer=safer_mode.is_on()).items():
        result.insert(name, value)
    return result


def _free_port() -> int:
    """The usual port, or 0 for any where something else listens there."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", _PORT))
        except OSError:
            return 0
    return _PORT
