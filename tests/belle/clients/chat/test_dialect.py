"""The client against a real server and a real model, which the official `openai` client asks in its own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.clients.chat.bulk import answer_all
from belle.clients.chat.client import ChatClient, RequestError
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import Decoding, RowRequest
from belle.errors import KnownError
from tests.belle.server.conftest import TOKEN, start_server, stop_server

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["score"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def endpoint(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    server = start_server(starter, tmp_path_factory.mktemp("home"), "--name", "starter", "--ctx", "2048")
    yield Endpoint(server.url, "starter", key=TOKEN, limit=4)
    stop_server(server)


def ask(endpoint: Endpoint, *requests: RowRequest) -> dict[str, ChatReply | RequestError]:
    outcomes: dict[str, ChatReply | RequestError] = {}

    async def work() -> None:
        async with ChatClient([endpoint]) as client:
            await answer_all(client, requests, lambda request, outcome: outcomes.update({request.id: outcome}))

    asyncio.run(work())
    return outcomes


def request(name: str, text: str, schema: dict[str, object] | None = None, **decoding: object) -> RowRequest:
    options = Decoding(**{"max_tokens": 12, "seed": 1, **decoding})  # type: ignore[arg-type]
    return RowRequest(name, ({"role": "user", "content": text},), schema, options)


def test_several_requests_are_answered_with_all_that_was_asked_for(endpoint: Endpoint) -> None:
    outcomes = ask(
        endpoint,
        request("plain", "Name a colour."),
        request("scored", "How good is water? Answer with a score.", SCORE, max_tokens=40),
        request("sure", "Say yes.", logprobs=2),
        request("two", "Name an animal.", n=2, temperature=1.0),
    )
    plain, scored, sure, two = (outcomes[name] for name in ("plain", "scored", "sure", "two"))
    assert isinstance(plain, ChatReply) and plain.text and plain.prompt_tokens and plain.completion_tokens
    assert isinstance(scored, ChatReply) and 0 <= scored.choices[0].value["score"] <= 1
    assert isinstance(sure, ChatReply) and sure.choices[0].logprobs["content"][0]["top_logprobs"]
    assert isinstance(two, ChatReply) and len(two.choices) == 2
    assert not any(reply.is_of_another_model for reply in (plain, scored, sure, two))


def test_the_same_request_has_the_same_answer(endpoint: Endpoint) -> None:
    first, second = (ask(endpoint, request("x", "Tell me a story.", temperature=1.0))["x"] for _ in range(2))
    assert first.text == second.text  # type: ignore[union-attr]


def test_a_prompt_that_is_too_long_is_refused_and_the_others_are_answered(endpoint: Endpoint) -> None:
    outcomes = ask(endpoint, request("long", "word " * 20_000), request("short", "Hi."))
    assert isinstance(outcomes["long"], RequestError)
    assert isinstance(outcomes["short"], ChatReply)


def test_a_wrong_key_is_said_in_words(endpoint: Endpoint) -> None:
    with pytest.raises(KnownError) as caught:
        ask(Endpoint(endpoint.url, "starter", key="wrong"), request("x", "Hi."))
    assert caught.value.kind == "endpoints_refuse"
    assert "401" in caught.value.message
