"""A connection while a request is answered: its body, read within bounds, and whether its client is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from belle.documents import DocumentError, parse_json
from belle.server.access import too_large
from belle.server.errors import ApiError, ClientGoneError, bad_request
from belle.server.fields import Fields
from belle.server.settings import ServerSettings

T = TypeVar("T")


async def read_fields(request: Request, settings: ServerSettings) -> Fields:
    """The JSON object in the body.

    Raises ApiError: 400 for what is not one, 408 when it does not arrive in time, 413 when it is too long; and
    ClientGoneError.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for piece in request.stream():
                body += piece
                if len(body) > settings.most_body_bytes:
                    raise too_large(settings.most_body_bytes)
    except TimeoutError:
        message = f"The request did not arrive within {settings.body_timeout_s:g} s."
        raise ApiError(408, message, code="request_timeout", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise ClientGoneError from None
    try:
        return Fields(parse_json(bytes(body)))
    except DocumentError as error:
        raise bad_request(f"The body {error.message}.", code="invalid_json") from None


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; it is cancelled as soon as the client closes the connection. Raises ClientGoneError."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGoneError
        return task.result()
    finally:
        for other in (task, watch):
            other.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def client_of(request: Request, fields: Fields) -> str:
    """Who asks, for taking turns: whom the request names, else the program at the address."""
    named = fields.text("safety_identifier") or fields.text("user")
    if named:
        return f"user {named}"
    address = request.client.host if request.client else ""
    return f"{address} {request.headers.get('user-agent', '')}"
