"""Asks servers for answers: many at once, over several endpoints, until each request has one or cannot have one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from belle import network
from belle.clients.chat.endpoint_load import EndpointLoad, backoff
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.replies import LARGEST_REPLY, ChatReply, ReplyError, error_text, read_reply
from belle.clients.chat.requests import RowRequest
from belle.clients.errors import retry_seconds
from belle.documents import DocumentError, parse_json
from belle.errors import KnownError
from belle.texts import utf8

if TYPE_CHECKING:
    import httpx2

_OVERLOADED = frozenset({429, 503, 529})
_BROKEN = frozenset({408, 409, 425, 500, 502, 504})
_OF_THE_REQUEST = frozenset({400, 413, 422})
_CONNECT_S = 20.0


class RequestError(KnownError):
    """A request that no answer is to be had for; the others go on. Its message follows “The request ID: ”."""


class ChatClient:
    """A client of several endpoints, to be entered with `async with`.

    Args:
        endpoints: at least one.
        timeout_s: in which an answer has to be complete.
        tries: how often a request that breaks is sent; complaints about too many requests do not count.
        patience_s: how long no endpoint may answer anything before the run ends.
        say: told what a person should know, a sentence.

    Raises KnownError ("offline") when entered in offline mode, unless all endpoints are on this computer.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        timeout_s: float = 600.0,
        tries: int = 5,
        patience_s: float = 600.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._loads = [EndpointLoad(endpoint) for endpoint in endpoints]
        self._timeout_s = timeout_s
        self._tries = tries
        self._patience_s = patience_s
        self._say = say
        self._room = asyncio.Condition()
        self._answered_at = monotonic()

    @property
    def most_in_flight(self) -> int:
        """Requests that it makes sense to have under way."""
        return sum(load.endpoint.limit for load in self._loads)

    async def __aenter__(self) -> Self:
        import httpx2

        self._stack = AsyncExitStack()
        self._traffic = {}
        for load in self._loads:
            endpoint = load.endpoint
            use: network.Use = "loopback" if endpoint.is_local else "answers"
            self._traffic[endpoint.url] = self._stack.enter_context(
                network.connection(use, endpoint.model, endpoint.url)
            )
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=self.most_in_flight)
        timeout = httpx2.Timeout(self._timeout_s, connect=_CONNECT_S, pool=None)
        # No proxy can reach this computer's loopback, and none need know of it.
        self._clients = {
            is_local: await self._stack.enter_async_context(
                httpx2.AsyncClient(limits=limits, timeout=timeout, trust_env=not is_local)
            )
            for is_local in {load.endpoint.is_local for load in self._loads}
        }
        self._answered_at = monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def complete(self, request: RowRequest) -> ChatReply:
        """The reply to a request.

        Raises RequestError when there is none to be had, and another KnownError ("endpoints_refuse",
        "endpoints_gone") when no request can be answered any more.
        """
        failures = 0
        while True:
            wait_s = 0.0
            load = await self._take_place()
            sent_at = monotonic()
            try:
                return await self._send(request, load)
            except _BrokenError as error:
                load.failed(sent_at)
                failures += error.counts
                if failures >= self._tries:
                    message = f"{error.reason} ({failures} tries)"
                    raise RequestError("request_broken", message, endpoint=load.endpoint.url) from None
                self._check_patience(error.reason)
                wait_s = 0.0 if len(self._loads) > 1 else backoff(failures)
            except _OverloadedError as error:
                load.overloaded(sent_at, error.retry_after)
                self._check_patience(error.reason)
            except _RefusedError as error:
                self._give_up(load, error.reason)
            finally:
                await self._leave_place(load)
            await asyncio.sleep(wait_s)

    async def _send(self, request: RowRequest, load: EndpointLoad) -> ChatReply:
        endpoint = load.endpoint
        form = load.schema_form
        status, headers, data = await self._post(endpoint, request.body(endpoint.model, form))
        if request.schema is not None and form == "json_schema" and _knows_json_object_alone(status, data):
            load.schema_form = "json_object"
            status, headers, data = await self._post(endpoint, request.body(endpoint.model, "json_object"))
        if status in _OVERLOADED:
            raise _OverloadedError(_said(endpoint, status, data), retry_seconds(headers))
        if status in _BROKEN or status > 500:
            raise _BrokenError(_said(endpoint, status, data))
        if status not in (200, *_OF_THE_REQUEST):
            raise _RefusedError(_said(endpoint, status, data))
        load.answered()
        self._answered_at = monotonic()
        if status != 200:
            raise RequestError("request_refused", _said(endpoint, status, data), endpoint=endpoint.url, status=status)
        try:
            reply = read_reply(data, request)
        except ReplyError as error:
            raise _BrokenError(_without_key(endpoint, f"the answer of {endpoint.url} {error}")) from None
        return replace(reply, endpoint=endpoint.url, asked_model=endpoint.model)

    async def _post(self, endpoint: Endpoint, body: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        import httpx2

        headers = {"content-type": "application/json"} | (
            {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        )
        content = utf8(json.dumps(body, ensure_ascii=False))
        client: httpx2.AsyncClient = self._clients[endpoint.is_local]
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                client.stream("POST", f"{endpoint.url}/chat/completions", content=content, headers=headers) as response,
            ):
                data = await _limited(response)
        except TimeoutError:
            raise _BrokenError(f"{endpoint.url} did not answer within {self._timeout_s:g} s") from None
        except httpx2.ConnectError as error:
            raise _BrokenError(f"{endpoint.url} cannot be reached ({_first_line(error)})", counts=False) from None
        except httpx2.HTTPError as error:
            raise _BrokenError(f"the connection to {endpoint.url} broke ({_first_line(error)})") from None
        self._traffic[endpoint.url].count(len(content) + len(data))
        return response.status_code, response.headers, data

    async def _take_place(self) -> EndpointLoad:
        """A place at the endpoint that has most room, waited for. Raises KnownError when none is of use any more."""
        async with self._room:
            while True:
                free = [load for load in self._loads if load.has_room]
                if free:
                    load = min(free, key=lambda load: load.pressure)
                    load.in_flight += 1
                    self._room.notify()  # there may be more of it: the limit grows
                    return load
                self._check_any_left()
                await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        now = monotonic()
        pauses = [load.paused_until - now for load in self._loads if load.paused_until > now and not load.refused]
        try:
            async with asyncio.timeout(min(pauses, default=None)):
                await self._room.wait()
        except TimeoutError:
            pass

    async def _leave_place(self, load: EndpointLoad) -> None:
        async with self._room:
            load.in_flight -= 1
            self._room.notify()

    def _give_up(self, load: EndpointLoad, reason: str) -> None:
        if not load.refused:
            load.refused = reason
            if any(not other.refused for other in self._loads):
                self._say(f"{reason}. The other endpoints go on without it.")

    def _check_any_left(self) -> None:
        if all(load.refused for load in self._loads):
            raise KnownError(
                "endpoints_refuse",
                f"No endpoint takes the requests: {'; '.join(load.refused for load in self._loads)}.",
                "Check the address, the name of the model and the key. What was answered is kept.",
            )

    def _check_patience(self, reason: str) -> None:
        if monotonic() - self._answered_at > self._patience_s:
            raise KnownError(
                "endpoints_gone",
                f"Nothing was answered for {self._patience_s:g} s; at last, {reason}.",
                "Start the server, then run the same command again: what was answered is kept.",
            )


class _BrokenError(Exception):
    """No answer this time. `counts`: among the tries of the request."""

    def __init__(self, reason: str, *, counts: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.counts = counts


class _OverloadedError(Exception):
    """Too many requests for the endpoint; it may say how long to wait."""

    def __init__(self, reason: str, retry_after: float | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class _RefusedError(Exception):
    """The endpoint takes no request of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _knows_json_object_alone(status: int, data: bytes) -> bool:
    """Whether the server complains that a `response_format` of the type json_schema is not json_object."""
    return status in (400, 422, 500) and b"json_schema" in data and b"json_object" in data


async def _limited(response: httpx2.Response) -> bytes:
    """The body. Raises _BrokenError when it is too large."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > LARGEST_REPLY:
            raise _BrokenError(f"the answer of {response.url} is larger than {LARGEST_REPLY >> 20} MB")
        parts.append(part)
    return b"".join(parts)


def _said(endpoint: Endpoint, status: int, data: bytes) -> str:
    """What the endpoint says with an error: one line, a clause."""
    try:
        text = error_text(parse_json(data))
    except DocumentError:
        text = error_text(data[:2000].decode("utf-8", "replace"))
    return _without_key(endpoint, f"{endpoint.url} answers {status}" + (f": {text}" if text else ""))


def _without_key(endpoint: Endpoint, text: str) -> str:
    """Some servers repeat the key, and what they say is shown and recorded."""
    return text.replace(endpoint.key, "…") if endpoint.key else text


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
