"""Answers on their way out: as one JSON object, or piece by piece as server-sent events."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing, suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from belle.errors import KnownError
from belle.server.connection import while_connected
from belle.server.errors import ApiError, ClientGoneError, from_known
from belle.texts import json_text

Chunk = Mapping[str, Any]
_DONE = b"data: [DONE]\n\n"


def new_id(kind: str) -> str:
    """An id for a response, such as `chatcmpl-…`."""
    return f"{kind}-{secrets.token_hex(12)}"


async def whole(request: Request, work: Coroutine[Any, Any, Chunk]) -> Response:
    """The answer that `work` makes, as long as the client waits for it."""
    return JSONResponse(await while_connected(request.receive, work))


async def streamed(request: Request, chunks: AsyncGenerator[Chunk], timeout_s: float) -> Response:
    """The chunks as they come. What fails before the first of them has a status of its own.

    Args:
        chunks: an asynchronous generator, which is closed when the client goes.
        timeout_s: in which the client has to take a piece.
    """
    first = await while_connected(request.receive, _next(chunks))
    return _EventStream(first, chunks, timeout_s)


async def _next(chunks: AsyncGenerator[Chunk]) -> Chunk:
    return await anext(chunks)


class _EventStream(Response):
    """A response of content type `text/event-stream`; an error in the middle is its last event."""

    def __init__(self, first: Chunk, chunks: AsyncGenerator[Chunk], timeout_s: float) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self._first = first
        self._chunks = chunks
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as far as the client takes it."""
        del scope
        with suppress(ClientGoneError, TimeoutError):
            await while_connected(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        async with aclosing(self._chunks):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send(send, _event(self._first))
            try:
                async for chunk in self._chunks:
                    await self._send(send, _event(chunk))
            except KnownError as error:
                await self._send(send, _event(from_known(error).body()))
            except ApiError as error:
                await self._send(send, _event(error.body()))
            else:
                await self._send(send, _DONE)
            await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(self._timeout_s):
            await send({"type": "http.response.body", "body": body, "more_body": True})


def _event(chunk: Chunk) -> bytes:
    return f"data: {json_text(chunk)}\n\n".encode()
