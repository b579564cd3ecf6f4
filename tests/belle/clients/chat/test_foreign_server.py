"""The client against a server that is not ours: that of llama-cpp-python, with a real model on loopback."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest

from belle.clients.chat.bulk import answer_all
from belle.clients.chat.client import ChatClient, RequestError
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import Decoding, RowRequest
from belle.errors import KnownError

_NEEDED = ("fastapi", "sse_starlette", "starlette_context", "pydantic_settings", "uvicorn")
_MISSING = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(_MISSING), reason=f"llama_cpp.server needs {', '.join(_MISSING)}")

KEY = "a-key-of-the-test"


def verdict(value: dict[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": {"verdict": value}, "required": ["verdict"], "additionalProperties": False}


@pytest.fixture(scope="module")
def endpoint(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    log = tmp_path_factory.mktemp("server") / "log"
    port = _free_port()
    words = ["--model", str(starter), "--model_alias", "foreign", "--n_ctx", "512", "--n_threads", "1"]
    words += ["--logits_all", "True", "--host", "127.0.0.1", "--port", str(port), "--api_key", KEY]
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "llama_cpp.server", *words]
        server = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        try:
            _wait_until_ready(server, port, log)
            yield Endpoint(f"http://127.0.0.1:{port}/v1", "foreign", key=KEY, limit=2)
        finally:
            server.terminate()
            server.wait(timeout=30)


def _free_port() -> int:
    """One that is free now: the server cannot choose one and say which."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text(errors="replace")
        try:
            httpx2.get(f"http://127.0.0.1:{port}/docs", trust_env=False)
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text(errors="replace"))


def ask(endpoint: Endpoint, *requests: RowRequest) -> dict[str, ChatReply | RequestError]:
    outcomes: dict[str, ChatReply | RequestError] = {}

    async def work() -> None:
        async with ChatClient([endpoint], tries=2) as client:
            await answer_all(client, requests, lambda request, outcome: outcomes.update({request.id: outcome}))

    asyncio.run(work())
    return outcomes


def request(name: str, text: str, schema: dict[str, object] | None = None, **decoding: object) -> RowRequest:
    options = Decoding(**{"max_tokens": 8, "seed": 1, **decoding})  # type: ignore[arg-type]
    return RowRequest(name, ({"role": "user", "content": text},), schema, options)


def test_answers_schemas_and_stops_are_understood(endpoint: Endpoint) -> None:
    outcomes = ask(
        endpoint,
        request("plain", "Name a colour."),
        request("judged", "Is water good?", verdict({"enum": ["good", "bad"]}), max_tokens=24),
        request("stopped", "Count: one, two, three, four, five, six.", stop=(",", "."), max_tokens=24),
    )
    plain, judged, stopped = (outcomes[name] for name in ("plain", "judged", "stopped"))
    assert isinstance(plain, ChatReply) and isinstance(judged, ChatReply) and isinstance(stopped, ChatReply)
    assert plain.text and plain.prompt_tokens and 0 < plain.completion_tokens <= 8
    assert plain.choices[0].finish in ("length", "stop")
    assert not plain.is_of_another_model
    assert judged.choices[0].value["verdict"] in ("good", "bad")
    assert not {",", "."} & set(stopped.text) and stopped.choices[0].finish == "stop"


def test_what_it_ignores_of_a_schema_is_found_here(endpoint: Endpoint) -> None:
    """It does not hold numbers to their bounds."""
    reply = ask(endpoint, request("x", "Rate water.", verdict({"type": "integer", "minimum": 99_999}), max_tokens=24))[
        "x"
    ]
    assert isinstance(reply, ChatReply)
    assert reply.choices[0].value is None
    assert "at verdict" in reply.choices[0].problem


def test_what_it_tells_of_its_tokens_is_kept(endpoint: Endpoint) -> None:
    reply = ask(endpoint, request("sure", "Say yes.", logprobs=2, max_tokens=2))["sure"]
    assert isinstance(reply, ChatReply)
    assert reply.choices[0].logprobs["content"][0]["top_logprobs"]


def test_a_seed_gives_the_same_answer_again(endpoint: Endpoint) -> None:
    again = [ask(endpoint, request("x", "Tell me a story.", temperature=1.5))["x"] for _ in range(2)]
    other = ask(endpoint, request("x", "Tell me a story.", temperature=1.5, seed=5))["x"]
    first, second, third = (reply.text for reply in (*again, other) if isinstance(reply, ChatReply))
    assert first == second != third


def test_fewer_answers_than_were_asked_for_are_a_failure_in_words(endpoint: Endpoint) -> None:
    """It does not know `n`, and answers once."""
    outcome = ask(endpoint, request("two", "Hi.", n=2, max_tokens=2))["two"]
    assert isinstance(outcome, RequestError)
    assert "1 choices instead of 2" in outcome.message


def test_its_errors_are_words_and_the_others_are_answered(endpoint: Endpoint) -> None:
    long, wrong = request("long", "word " * 2000), request("wrong", "Hi.", top_p=7)
    outcomes = ask(endpoint, long, wrong, request("ok", "Hi."))
    for name in ("long", "wrong"):
        failed = outcomes[name]
        assert isinstance(failed, RequestError)
        assert endpoint.url in failed.message and KEY not in failed.message
        assert "Traceback" not in failed.message and "\n" not in failed.message
    assert "512" in outcomes["long"].message  # type: ignore[union-attr]
    assert isinstance(outcomes["ok"], ChatReply)


def test_a_wrong_key_ends_the_run_in_words(endpoint: Endpoint) -> None:
    with pytest.raises(KnownError) as caught:
        ask(Endpoint(endpoint.url, "foreign", key="wrong"), request("x", "Hi."))
    assert caught.value.kind == "endpoints_refuse"
    assert "401" in caught.value.message


def test_the_official_client_gets_the_answer_that_ours_gets(endpoint: Endpoint) -> None:
    ours = ask(endpoint, request("same", "Name a fruit."))["same"]
    body = request("same", "Name a fruit.").body("foreign")
    client = openai.OpenAI(base_url=endpoint.url, api_key=KEY, http_client=None)
    theirs = client.chat.completions.create(**body)
    assert isinstance(ours, ChatReply)
    assert theirs.choices[0].message.content == ours.text
    assert theirs.choices[0].finish_reason == ours.choices[0].finish
    assert theirs.usage is not None
    assert (theirs.usage.prompt_tokens, theirs.usage.completion_tokens) == (ours.prompt_tokens, ours.completion_tokens)
