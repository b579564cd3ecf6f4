"""A server that speaks the chat dialect on loopback and does as it is told: answers, complains, cuts, lies.

Plain asyncio, so that it can break the protocol where a web framework would not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Script = Callable[[dict[str, Any]], "Response"]


@dataclass(frozen=True)
class Response:
    """What goes back: `cut` bytes of the body only, after `wait_s`."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    wait_s: float = 0.0


def answer(text: str, *, model: str = "m", n: int = 1, **message: Any) -> Response:
    """A sound answer."""
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return Response({"model": model, "choices": [{"index": i, **choice} for i in range(n)], "usage": usage})


def complaint(status: int, message: str = "no", **headers: str) -> Response:
    """An error in the words of such servers."""
    return Response({"error": {"message": message}}, status, {name.replace("_", "-"): v for name, v in headers.items()})


class ChatServer:
    """Serves on a port of loopback, in a thread of its own, until closed.

    Attributes:
        bodies, headers: of the requests that arrived.
        under_way, most_at_once: requests now, and at most so far.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._loop = asyncio.new_event_loop()
        self.under_way = 0
        self.most_at_once = 0
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = server.result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # the transports close in the next turn of the loop

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.bodies.append(body)
        self.headers.append(headers)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        response = self._script(body)
        await asyncio.sleep(response.wait_s)
        self.under_way -= 1
        data = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
        head = {"content-type": "application/json", "content-length": str(len(data)), **response.headers}
        told = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {response.status} x\r\n{told}\r\n".encode() + data[: response.cut])
        await writer.drain()
        return response.cut is None


@contextlib.contextmanager
def chat_server(script: Script) -> Iterator[ChatServer]:
    """A server for the length of a block."""
    server = ChatServer(script)
    try:
        yield server
    finally:
        server.close()
