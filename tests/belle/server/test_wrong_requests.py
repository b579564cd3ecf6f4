"""Bytes that are no proper request: each has an answer in words and the right status, and the server lives on."""

from __future__ import annotations

import json
import socket
import struct
import time

import pytest

from tests.belle.server.conftest import TOKEN, ServerProcess, eventually, request_bytes

CHAT = "/v1/chat/completions"


def status_and_error(answer: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


def chat_body(text: str = "Hello", **options: object) -> bytes:
    messages = [{"role": "user", "content": text}]
    return json.dumps({"model": "starter", "messages": messages, **options}).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1, 2]", "must be an object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 5000, "levels deep"),
        (b'{"model": 1' + b"0" * 400 + b"}", "digits"),
        (b'{"model": "starter", "messages": "hello"}', "must be a list"),
        (b'{"model": "starter", "messages": [{"role": "user", "content": "\\ud800"}]}', "half of a character"),
    ],
)
def test_a_body_that_is_not_what_it_should_be(served: ServerProcess, body: bytes, words: str) -> None:
    status, error = status_and_error(served.raw(request_bytes(CHAT, body)))
    assert status == 400
    assert words in str(error["message"])
    assert error["type"] == "invalid_request_error"


def test_a_body_that_is_too_long_is_not_read(served: ServerProcess) -> None:
    head = request_bytes(CHAT).replace(b"Content-Length: 0", b"Content-Length: 99999999999")
    status, error = status_and_error(served.raw(head))
    assert (status, error["code"]) == (413, "request_too_large")


def test_a_body_in_chunks_that_does_not_end(served: ServerProcess) -> None:
    head = request_bytes(CHAT).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(head)
        with pytest.raises(OSError):  # whichever way the connection ends
            for _ in range(64):
                connection.sendall(chunk)
                time.sleep(0.01)
            if not connection.recv(1 << 16):
                raise ConnectionResetError
            raise BrokenPipeError


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "localhost.evil.example", ""])
def test_a_name_that_is_not_this_computer_is_refused(served: ServerProcess, host: str) -> None:
    """A page whose own name leads to 127.0.0.1 sends that name."""
    status, error = status_and_error(served.raw(request_bytes("/v1/models", method="GET", headers=[f"Host: {host}"])))
    assert (status, error["code"]) == (400, "host_not_allowed")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"])
def test_names_of_this_computer_are_taken(served: ServerProcess, host: str) -> None:
    answer = served.raw(request_bytes("/v1/models", method="GET", headers=[f"Host: {host}"]))
    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
def test_a_web_page_is_refused(served: ServerProcess, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = served.raw(request_bytes("/v1/models", method=method, headers=[f"Origin: {origin}"]))
        status, error = status_and_error(answer)
        assert (status, error["code"]) == (403, "origin_not_allowed")
        assert b"access-control-allow-origin" not in answer.lower()


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"])
def test_a_wrong_token(served: ServerProcess, header: str) -> None:
    answer = served.raw(request_bytes("/v1/models", method="GET", headers=[f"Authorization: {header}"]))
    status, error = status_and_error(answer)
    assert (status, error["type"]) == (401, "authentication_error")
    assert TOKEN.encode() not in answer


def test_health_needs_no_token(served: ServerProcess) -> None:
    answer = served.raw(request_bytes("/health", method="GET", headers=["Authorization: none"]))
    assert answer.startswith(b"HTTP/1.1 200") and b'"ok"' in answer


@pytest.mark.parametrize(("method", "path", "status"), [("GET", CHAT, 405), ("POST", "/v1/nothing", 404)])
def test_paths_and_methods_that_are_not_there(served: ServerProcess, method: str, path: str, status: int) -> None:
    assert status_and_error(served.raw(request_bytes(path, method=method)))[0] == status


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00hello\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_http(served: ServerProcess, data: bytes) -> None:
    assert served.raw(data)[:12] in (b"HTTP/1.1 400", b"")


def busy(served: ServerProcess) -> bool:
    before = sum(served.worker().cpu_times()[:2])
    time.sleep(0.4)
    return sum(served.worker().cpu_times()[:2]) - before > 0.1


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text", ["Count to one thousand.", "word " * 1700], ids=["decode", "prefill"])
def test_a_client_that_goes_stops_its_answer(served: ServerProcess, text: str, stream: bool) -> None:
    unlike = f"{text} {stream}"
    body = chat_body(unlike, stream=stream, max_tokens=1500, temperature=1.5, ignored=1)
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(request_bytes(CHAT, body))
        time.sleep(0.5)
        # Closed without a goodbye, as by a program that was killed.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: not busy(served), seconds=10)
    answer = served.client(timeout=20).chat.completions.create(
        model="starter", messages=[{"role": "user", "content": "Hello"}], max_tokens=4
    )
    assert answer.choices[0].finish_reason in ("stop", "length")


def test_a_client_that_does_not_read_keeps_nobody_waiting(served: ServerProcess) -> None:
    body = chat_body("Tell me a story.", stream=True, max_tokens=60)
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.sendall(request_bytes(CHAT, body))
        answer = served.client(timeout=30).chat.completions.create(
            model="starter", messages=[{"role": "user", "content": "Hello"}], max_tokens=4
        )
        assert answer.choices[0].message.content


def test_half_a_request_holds_nothing_up(served: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(request_bytes(CHAT, chat_body())[:-20])
        assert served.client(timeout=20).models.list().data
