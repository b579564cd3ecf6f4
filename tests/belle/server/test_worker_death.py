"""A model whose process dies costs the answer that it was giving, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.belle.server.conftest import ServerProcess, eventually, start_server, stop_server

STORY: list[Any] = [{"role": "user", "content": "Tell me a long story."}]


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = start_server("starter", tmp_path_factory.mktemp("home"), "--ctx", "512", "--parallel", "1")
    yield server
    stop_server(server)


def ask(server: ServerProcess, **options: object) -> openai.types.chat.ChatCompletion:
    settings: dict[str, object] = {"max_tokens": 4} | options
    answer: openai.types.chat.ChatCompletion = server.client(timeout=60).chat.completions.create(
        model="starter",
        messages=STORY,
        **settings,  # type: ignore[call-overload]
    )
    return answer


def kill_soon(server: ServerProcess, number: int) -> None:
    pid = server.worker().pid
    threading.Timer(0.6, os.kill, (pid, number)).start()


def test_the_answer_fails_in_words_and_the_next_one_comes(mortal: ServerProcess) -> None:
    ask(mortal)
    before = mortal.worker().pid
    kill_soon(mortal, signal.SIGKILL)
    with pytest.raises(openai.InternalServerError) as caught:
        ask(mortal, max_tokens=400, temperature=1.5, seed=1)
    assert caught.value.status_code == 503
    assert "SIGKILL" in caught.value.message
    assert ask(mortal).choices[0].message.content
    assert mortal.worker().pid != before


def test_a_stream_ends_with_the_error(mortal: ServerProcess) -> None:
    kill_soon(mortal, signal.SIGTERM)
    stream = mortal.client().chat.completions.create(
        model="starter",
        messages=[{"role": "user", "content": "Tell me a story."}],
        stream=True,
        temperature=1.5,
        seed=2,
    )
    with pytest.raises(openai.APIError, match="SIGTERM"):
        for _ in stream:
            pass
    assert ask(mortal).choices[0].message.content


def test_whoever_waits_is_served_by_the_next_one(mortal: ServerProcess) -> None:
    kill_soon(mortal, signal.SIGKILL)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask, mortal, max_tokens=400)
        time.sleep(0.3)
        waiting = pool.submit(ask, mortal)
        assert isinstance(first.exception(), openai.InternalServerError)
        assert waiting.result().choices[0].finish_reason in ("stop", "length")


def test_health_says_so(mortal: ServerProcess) -> None:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    def status() -> int:
        try:
            with urlopen(f"http://127.0.0.1:{mortal.port}/health") as response:
                return int(response.status)
        except HTTPError as error:
            error.close()
            return error.code

    assert status() == 200
    mortal.worker().kill()
    eventually(lambda: status() == 503, seconds=5)
    eventually(lambda: status() == 200)
