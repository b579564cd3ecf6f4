"""A real server with a real model, as a person starts it, and the official client of OpenAI's API."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import openai
import psutil
import pytest

TOKEN = "a-token-for-tests"
PATIENCE_S = 60.0
_ROOT = Path(__file__).parents[3]


@dataclass
class ServerProcess:
    """`belle serve` in a process.

    Args:
        process: of the program.
        url: of its API.
        said: what it has written to stderr by the time it was ready.
    """

    process: subprocess.Popen[bytes]
    url: str
    said: str
    _clients: list[openai.OpenAI] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.url)[1])  # type: ignore[index]

    def client(self, token: str = TOKEN, **options: object) -> openai.OpenAI:
        """A client, closed with the server."""
        client = openai.OpenAI(base_url=self.url, api_key=token, **{"max_retries": 0, **options})  # type: ignore[arg-type]
        self._clients.append(client)
        return client

    def async_client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=self.url, api_key=TOKEN, max_retries=0)

    def close_clients(self) -> None:
        for client in self._clients:
            client.close()

    def worker(self) -> psutil.Process:
        """The process of the model."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if "belle.engine.worker" in child.cmdline())

    def raw(self, data: bytes, *, timeout: float = 30.0) -> bytes:
        """All that comes back for the bytes of a request, until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def start_server(model: str | Path, home: Path, *options: str, token: str | None = TOKEN) -> ServerProcess:
    """`belle serve` with an empty home, once it takes requests."""
    words = [sys.executable, "-m", "belle", "serve", str(model), "--port", "0", "--threads", "1", *options]
    words += ["--token", token] if token else []
    hidden = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(words, stderr=subprocess.PIPE, cwd=_ROOT, env=environment | {"HOME": str(home)})
    said = ""
    assert process.stderr is not None
    while not (found := re.search(r"http://\S+/v1", said)):
        line = process.stderr.readline().decode()
        assert line, f"the server ended: {said}"
        said += line
    return ServerProcess(process, found[0], said)


def stop_server(server: ServerProcess) -> int:
    """Ctrl-C; its exit status."""
    server.close_clients()
    server.process.send_signal(signal.SIGINT)
    try:
        return server.process.wait(PATIENCE_S)
    finally:
        server.process.kill()
        assert server.process.stderr is not None
        server.process.stderr.close()


def request_bytes(path: str, body: bytes = b"", *, method: str = "POST", headers: Sequence[str] = ()) -> bytes:
    """A request with a token, after which the connection is closed."""
    lines = [f"{method} {path} HTTP/1.1", "Connection: close", f"Content-Length: {len(body)}", *headers]
    names = {line.partition(":")[0].casefold() for line in headers}
    lines += [] if "host" in names else ["Host: localhost"]
    lines += [] if "authorization" in names else [f"Authorization: Bearer {TOKEN}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def eventually(condition: object, *, seconds: float = PATIENCE_S) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def served(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The starter model."""
    server = start_server("starter", tmp_path_factory.mktemp("home"), "--ctx", "2048")
    yield server
    stop_server(server)
