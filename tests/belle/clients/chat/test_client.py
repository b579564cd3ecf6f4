"""The client against servers that complain, break, lie and go away: each request is answered once, or says why not."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from belle import network
from belle.clients.chat.bulk import SpendingLimit, Tally, answer_all
from belle.clients.chat.client import ChatClient, RequestError
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import RowRequest
from belle.errors import KnownError
from tests.support.chat_server import ChatServer, Response, answer, chat_server, complaint


def request(text: str, **options: Any) -> RowRequest:
    return RowRequest(text, ({"role": "user", "content": text},), **options)


def run(
    servers: list[ChatServer] | list[Endpoint], texts: list[str], *, limit: SpendingLimit | None = None, **options: Any
) -> tuple[dict[str, ChatReply | RequestError], Tally]:
    """Ask each of `texts`; the outcomes by text, each of them once."""
    endpoints = [one if isinstance(one, Endpoint) else Endpoint(one.url, "m") for one in servers]
    outcomes: dict[str, ChatReply | RequestError] = {}

    def take(asked: RowRequest, outcome: ChatReply | RequestError) -> None:
        assert asked.id not in outcomes
        outcomes[asked.id] = outcome

    async def work() -> Tally:
        async with ChatClient(endpoints, **options) as client:
            return await answer_all(client, map(request, texts), take, limit=limit, prices=endpoints)

    return outcomes, asyncio.run(work())


def asked(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def echo(body: dict[str, Any]) -> Response:
    return answer(asked(body).upper())


def in_turn(*scripts: Callable[[dict[str, Any]], Response]) -> Callable[[dict[str, Any]], Response]:
    """The first script for the first request, and so on; the last for all that follow."""
    rest = itertools.chain(scripts, itertools.repeat(scripts[-1]))
    return lambda body: (next(rest))(body)  # noqa: PLW0108 – another one each time


TEXTS = [f"t{number}" for number in range(60)]


def test_each_request_gets_its_own_answer() -> None:
    with chat_server(lambda body: replace(echo(body), wait_s=0.01)) as server:
        outcomes, tally = run([server], TEXTS)
    assert {name: outcome.text for name, outcome in outcomes.items()} == {text: text.upper() for text in TEXTS}
    assert (tally.answered, tally.failed, tally.prompt_tokens, tally.completion_tokens) == (60, 0, 300, 120)
    assert server.most_at_once > 1


@pytest.mark.parametrize("status", [429, 503, 529])
def test_complaints_lower_the_load_and_no_request_is_lost(status: int) -> None:
    overloaded = Counter[str]()

    def script(body: dict[str, Any]) -> Response:
        if server.under_way > 4:
            overloaded["times"] += 1
            return complaint(status, "too many")
        return Response(answer("ok").body, wait_s=0.01)

    with chat_server(script) as server:
        outcomes, tally = run([server], TEXTS)
    assert overloaded["times"] > 0
    assert len(outcomes) == tally.answered == 60


def test_retry_after_is_waited_for() -> None:
    times: list[float] = []

    def script(body: dict[str, Any]) -> Response:
        times.append(asyncio.get_running_loop().time())
        return complaint(429, retry_after="1") if len(times) == 1 else echo(body)

    with chat_server(script) as server:
        outcomes, _ = run([server], ["a"])
    assert isinstance(outcomes["a"], ChatReply)
    assert times[1] - times[0] >= 1.0


@pytest.mark.parametrize(
    "broken",
    [
        lambda _: complaint(500),
        lambda _: complaint(502),
        lambda _: Response(answer("cut in the middle").body, cut=20),
        lambda _: Response(b"<html>one moment please</html>"),
        lambda _: Response({"choices": []}),
        lambda _: Response({"error": {"message": "CUDA out of memory"}}),
        lambda _: Response(b"", cut=0),
    ],
    ids=["500", "502", "cut", "html", "empty", "error in 200", "hung up"],
)
def test_what_breaks_once_is_asked_again(broken: Callable[[dict[str, Any]], Response]) -> None:
    with chat_server(in_turn(broken, echo)) as server:
        outcomes, _ = run([server], ["a"])
    assert isinstance(outcomes["a"], ChatReply)
    assert outcomes["a"].text == "A"


def test_what_always_breaks_is_given_up_and_the_others_are_answered() -> None:
    def script(body: dict[str, Any]) -> Response:
        return complaint(500, "poison") if asked(body) == "t7" else echo(body)

    with chat_server(script) as server:
        outcomes, tally = run([server], TEXTS[:20], tries=3)
        tries = sum(asked(body) == "t7" for body in server.bodies)
    failed = outcomes.pop("t7")
    assert isinstance(failed, RequestError)
    assert "poison" in failed.message
    assert "3 tries" in failed.message
    assert tries == 3
    assert all(isinstance(outcome, ChatReply) for outcome in outcomes.values())
    assert tally.failed == 1


def test_what_the_server_refuses_is_not_asked_twice() -> None:
    def script(body: dict[str, Any]) -> Response:
        return complaint(400, "context length exceeded") if asked(body) == "t1" else echo(body)

    with chat_server(script) as server:
        outcomes, _ = run([server], TEXTS[:5])
        assert len(server.bodies) == 5
    assert "context length exceeded" in outcomes["t1"].message  # type: ignore[union-attr]


def test_a_slow_answer_is_given_up() -> None:
    with chat_server(in_turn(lambda _: Response(answer("late").body, wait_s=5), echo)) as server:
        outcomes, _ = run([server], ["a"], timeout_s=0.3)
    assert outcomes["a"].text == "A"  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [401, 403, 404, 301])
def test_an_endpoint_that_refuses_ends_the_run_in_words(status: int) -> None:
    with chat_server(lambda _: complaint(status, "nobody by that name")) as server, pytest.raises(KnownError) as caught:
        run([server], TEXTS)
    assert caught.value.kind == "endpoints_refuse"
    assert "nobody by that name" in caught.value.message
    assert str(status) in caught.value.message


def test_the_others_go_on_without_an_endpoint_that_refuses() -> None:
    said: list[str] = []
    with chat_server(echo) as sound, chat_server(lambda _: complaint(401, "no key")) as closed:
        _, tally = run([closed, sound], TEXTS, say=said.append)
    assert tally.answered == 60
    assert len(said) == 1
    assert "no key" in said[0]


def test_a_server_that_is_gone_leaves_its_requests_to_the_others() -> None:
    with chat_server(echo) as gone:
        pass
    with chat_server(echo) as server:
        _, tally = run([gone, server], TEXTS)
    assert tally.answered == 60


def test_when_no_server_is_there_the_run_ends_after_its_patience() -> None:
    with chat_server(echo) as gone:
        pass
    with pytest.raises(KnownError) as caught:
        run([gone], ["a"], patience_s=0.5)
    assert caught.value.kind == "endpoints_gone"
    assert "cannot be reached" in caught.value.message


def test_an_answer_of_another_model_is_known_as_one() -> None:
    with chat_server(lambda body: answer("x", model="tiny")) as server:
        outcomes, _ = run([Endpoint(server.url, "BELLE-13B")], ["a"])
    reply = outcomes["a"]
    assert isinstance(reply, ChatReply)
    assert reply.is_of_another_model


def test_the_key_is_sent_and_a_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with chat_server(echo) as server:
        run([Endpoint(server.url, "m", key="secret")], ["a"])
        assert server.headers[0]["authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_that_a_server_repeats_is_not_shown(status: int) -> None:
    with chat_server(lambda _: complaint(status, "the key sk-secret is wrong")) as server:
        endpoint = Endpoint(server.url, "m", key="sk-secret")
        try:
            outcomes, _ = run([endpoint], ["a"], tries=1)
            told = str(outcomes["a"])
        except KnownError as error:
            told = str(error)
    assert "the key … is wrong" in told
    assert "sk-secret" not in told


def test_a_limit_ends_the_run() -> None:
    with chat_server(echo) as server:
        endpoint = Endpoint(server.url, "m", limit=2, prompt_price=1e6, completion_price=0)
        _, by_tokens = run([endpoint], TEXTS, limit=SpendingLimit(tokens=70))
        _, by_money = run([endpoint], TEXTS, limit=SpendingLimit(money=50.0))
    assert by_tokens.spent and 10 <= by_tokens.answered <= 12
    assert by_money.spent and 10 <= by_money.answered <= 12


def test_requests_are_drawn_as_they_are_needed() -> None:
    drawn = 0

    def endless() -> Any:
        nonlocal drawn
        while True:
            drawn += 1
            yield request(str(drawn))

    async def work(server: ChatServer) -> Tally:
        async with ChatClient([Endpoint(server.url, "m", limit=4)]) as client:
            return await answer_all(client, endless(), lambda *_: None, limit=SpendingLimit(tokens=100))

    with chat_server(echo) as server:
        tally = asyncio.run(work(server))
    assert drawn <= tally.answered + 4


def test_an_error_of_the_taker_ends_the_run_with_it() -> None:
    def take(*_: object) -> None:
        raise KnownError("disk_full", "The disk is full.")

    async def work(server: ChatServer) -> None:
        async with ChatClient([Endpoint(server.url, "m")]) as client:
            await answer_all(client, map(request, TEXTS), take)

    with chat_server(echo) as server, pytest.raises(KnownError, match="The disk is full"):
        asyncio.run(work(server))


def test_offline_mode_refuses_other_computers_and_not_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBELLE_OFFLINE", "1")
    with chat_server(echo) as server:
        _, tally = run([server], ["a"])
        assert tally.answered == 1
    with pytest.raises(KnownError) as caught:
        run([Endpoint("http://10.255.255.1/v1", "m")], ["a"])
    assert caught.value.kind == "offline"
    assert "answers" in network.USES


def test_a_server_that_knows_json_object_alone_gets_the_schema_in_its_form() -> None:
    forms: list[str] = []

    def script(body: dict[str, Any]) -> Response:
        form = body["response_format"]
        forms.append(form["type"])
        if form["type"] == "json_schema":
            return complaint(500, "response_format.type: input 'json_schema' should be 'text' or 'json_object'")
        assert form["schema"] == {"type": "object"}
        return answer("{}")

    async def work() -> list[ChatReply]:
        async with ChatClient([Endpoint(server.url, "m")]) as client:
            return [await client.complete(request(text, schema={"type": "object"})) for text in "abc"]

    with chat_server(script) as server:
        replies = asyncio.run(work())
    assert [reply.choices[0].value for reply in replies] == [{}, {}, {}]
    assert forms == ["json_schema", *["json_object"] * 3]
