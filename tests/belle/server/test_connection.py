"""Slow, silent and vanished clients: each is bounded in time, and work for one that has gone is given up."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from belle.server import protocol
from belle.server.connection import client_of, read_fields, while_connected
from belle.server.errors import ApiError, ClientGoneError
from belle.server.fields import Fields
from belle.server.settings import ServerSettings

Receive = Callable[[], Awaitable[dict[str, Any]]]


def request(receive: Receive, **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw, "client": ("127.0.0.1", 5000)}, receive)


def sent(*messages: dict[str, Any]) -> Receive:
    """Receives these, and then nothing more for ever."""
    queue = list(messages)

    async def receive() -> dict[str, Any]:
        if queue:
            return queue.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    receive = sent(piece(b'{"a": ', more=True))
    with pytest.raises(ApiError) as caught:
        asyncio.run(read_fields(request(receive), ServerSettings(body_timeout_s=0.1)))
    assert caught.value.status == 408


def test_a_body_is_read_as_far_as_it_may_be_long() -> None:
    settings = ServerSettings(most_body_bytes=20)
    fields = asyncio.run(read_fields(request(sent(piece(b'{"a":', more=True), piece(b"1}", more=False))), settings))
    assert fields.get("a") == 1
    with pytest.raises(ApiError) as caught:
        asyncio.run(read_fields(request(sent(*[piece(b" " * 15, more=True)] * 2)), settings))
    assert caught.value.status == 413


def test_a_client_that_goes_while_it_sends() -> None:
    with pytest.raises(ClientGoneError):
        asyncio.run(read_fields(request(sent(piece(b"{", more=True), GONE)), ServerSettings()))


def test_work_is_cancelled_when_its_client_goes_and_has_cleaned_up_by_then() -> None:
    events = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            events.append("cleaned up")

    with pytest.raises(ClientGoneError):
        asyncio.run(while_connected(sent(GONE), work()))
    assert events == ["cleaned up"]


def test_work_of_a_client_that_stays_is_done() -> None:
    async def work() -> int:
        return 7

    async def fails() -> None:
        raise ZeroDivisionError

    assert asyncio.run(while_connected(sent(), work())) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(while_connected(sent(), fails()))


def test_a_client_is_whom_the_request_names_else_the_program_at_its_address() -> None:
    asked = request(sent(), user_agent="curl")
    named = [client_of(asked, Fields(row)) for row in ({"user": "a"}, {"safety_identifier": "a"}, {"user": "b"}, {})]
    assert named[0] == named[1] and len(set(named)) == 3
    assert client_of(request(sent(), user_agent="python"), Fields({})) != named[3]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that waits for a head of a request for 0.4 s."""
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.4)
    app = PlainTextResponse("hello")
    config = uvicorn.Config(app, http=protocol.TimedH11Protocol, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("begun", [b"", b"GET / HT", HEAD[:-2]])
def test_a_head_that_does_not_arrive_in_time_ends_the_connection(port: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(begun)
        start = time.monotonic()
        assert connection.recv(1 << 10) == b""
        assert time.monotonic() - start < 5


def test_the_next_request_has_as_much_time_and_a_connection_may_rest_in_between(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for _ in range(2):
            connection.sendall(HEAD)
            answer = b""
            while b"hello" not in answer:
                answer += connection.recv(1 << 10)
            time.sleep(0.6)
        connection.sendall(HEAD[:10])
        assert connection.recv(1 << 10) == b""


def test_errors_have_the_form_of_the_api() -> None:
    row = ApiError(429, "Later.", code="queue_full").body()
    assert json.loads(json.dumps(row)) == {
        "error": {"message": "Later.", "type": "rate_limit_error", "param": None, "code": "queue_full"}
    }
