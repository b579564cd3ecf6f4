"""Several clients answered at once, with OpenAI's own client."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.belle.server.conftest import ServerProcess, eventually, start_server, stop_server

SYSTEM = "You help sailors. " + "Be brief, be kind, and never lie to anybody. " * 24


def started(home: Path) -> Iterator[ServerProcess]:
    server = start_server("starter", home, "--ctx", "2048", "--cache", "64")
    yield server
    assert stop_server(server) == 130


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    yield from started(tmp_path_factory.mktemp("home"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that nobody else has asked: an answer that its client has left may be in a batch for a moment longer."""
    yield from started(tmp_path)


def ask(server: ServerProcess, text: str, system: str = "", **options: Any) -> openai.types.chat.ChatCompletion:
    messages = [{"role": "system", "content": system}] if system else []
    settings = {"max_tokens": 16, "temperature": 1.0, "seed": 1} | options
    answer: openai.types.chat.ChatCompletion = server.client(timeout=60).chat.completions.create(
        model="starter", messages=[*messages, {"role": "user", "content": text}], **settings
    )
    return answer


def schema_of(key: str) -> dict[str, object]:
    schema = {"type": "object", "properties": {key: {"type": "integer"}}, "required": [key]}
    return {"type": "json_schema", "json_schema": {"name": key, "schema": schema}}


def test_four_at_once_get_what_each_asked_for_while_a_fifth_goes_in_the_middle(shared: ServerProcess) -> None:
    def hold(number: int) -> dict[str, object]:
        key = f"number{number}"
        answer = ask(shared, "Give me a number.", SYSTEM, seed=number, response_format=schema_of(key), max_tokens=60)
        return json.loads(answer.choices[0].message.content or "")  # type: ignore[no-any-return]

    def leave() -> None:
        stream = shared.client().chat.completions.create(
            model="starter",
            messages=[{"role": "user", "content": "Tell me a long story."}],
            stream=True,
            temperature=1.5,
            seed=9,
        )
        next(iter(stream))
        stream.close()

    with ThreadPoolExecutor(5) as pool:
        leaving = pool.submit(leave)
        held = list(pool.map(hold, range(4)))
        leaving.result()
    assert [list(answer) for answer in held] == [[f"number{n}"] for n in range(4)]
    assert all(isinstance(answer[f"number{n}"], int) for n, answer in enumerate(held))


def test_a_seed_gives_the_same_text_before_and_after_others_were_answered(fresh: ServerProcess) -> None:
    question = "Tell me about whales."
    before = ask(fresh, question, max_tokens=24).choices[0].message.content
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ask(fresh, f"What is {n} + {n}?", SYSTEM), range(4)))
    assert ask(fresh, question, max_tokens=24).choices[0].message.content == before


def test_a_system_prompt_is_read_once_for_all(shared: ServerProcess) -> None:
    system = "You help pirates. " + SYSTEM
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: ask(shared, f"What is {n} + {n}?", system, max_tokens=2), range(4)))
    usages = [answer.usage for answer in answers if answer.usage is not None]
    new = sum(u.prompt_tokens - (u.prompt_tokens_details.cached_tokens or 0) for u in usages if u.prompt_tokens_details)
    assert len(usages) == 4
    assert new < usages[0].prompt_tokens + 150


def test_ten_are_all_answered(shared: ServerProcess) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: ask(shared, f"Count to {n}.", user=f"client {n}"), range(10)))
    assert all(answer.choices[0].message.content for answer in answers)


def test_one_answer_does_not_wait_for_the_end_of_a_longer_one(shared: ServerProcess) -> None:
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(ask, shared, "Tell me a long story.", max_tokens=120, temperature=1.5)
        time.sleep(0.3)
        ask(shared, "What is 2 + 2?", max_tokens=4)
        assert not long.done()


def test_an_embedding_is_made_between_two_tokens(shared: ServerProcess) -> None:
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(ask, shared, "Tell me a long story.", max_tokens=120, temperature=1.5)
        time.sleep(0.3)
        assert shared.client().embeddings.create(model="starter", input="a whale").data[0].embedding
        assert not long.done()


def test_each_is_told_when_the_process_dies(shared: ServerProcess) -> None:
    before = shared.worker().pid
    threading.Timer(0.8, lambda: shared.worker().send_signal(signal.SIGKILL)).start()

    def error_of(number: int) -> object:
        try:
            return ask(shared, f"Tell me {number} long stories.", max_tokens=400, temperature=1.5, seed=number)
        except openai.InternalServerError as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        errors = list(pool.map(error_of, range(3)))
    assert all(isinstance(error, openai.InternalServerError) for error in errors)
    assert all("SIGKILL" in str(error) for error in errors)
    eventually(lambda: ask(shared, "Who are you?").choices[0].message.content)
    assert shared.worker().pid != before
