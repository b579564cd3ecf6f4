"""Several clients at once: turns, limits, conversations that do not displace each other, pages that may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.belle.server.conftest import ServerProcess, request_bytes, start_server, stop_server

PAGE = "https://notes.example"


@pytest.fixture(scope="module")
def small(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that lets few wait."""
    options = (
        "--ctx",
        "1024",
        "--parallel",
        "1",
        "--max-waiting",
        "4",
        "--origin",
        PAGE,
        "--max-tokens",
        "60",
        "--cache",
        "128",
    )
    server = start_server(starter, tmp_path_factory.mktemp("home"), *options, "--name", "small", "--template", "chatml")
    yield server
    assert stop_server(server) == 130


async def ask(client: openai.AsyncOpenAI, text: str, user: str, max_tokens: int = 8) -> float:
    """When the answer was there."""
    await client.chat.completions.create(
        model="small", messages=[{"role": "user", "content": text}], user=user, max_tokens=max_tokens, temperature=1.5
    )
    return asyncio.get_running_loop().time()


def test_a_client_with_one_request_does_not_wait_for_all_of_another(small: ServerProcess) -> None:
    async def check() -> None:
        async with small.async_client() as client:
            many = [asyncio.create_task(ask(client, f"Count to {n}.", "many", 30)) for n in range(4)]
            await asyncio.sleep(0.1)
            one = asyncio.create_task(ask(client, "Hello", "one"))
            ends = await asyncio.gather(*many)
            assert sorted([*ends, await one]).index(await one) <= 1

    asyncio.run(check())


def test_too_many_at_once_are_told_to_come_again(small: ServerProcess) -> None:
    async def check() -> None:
        async with small.async_client() as client:
            tasks = [ask(client, f"Tell me {n} long stories.", f"client {n}", 30) for n in range(12)]
            results = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [result for result in results if isinstance(result, openai.RateLimitError)]
        assert refused
        assert int(refused[0].response.headers["retry-after"]) >= 1
        served = [result for result in results if result not in refused]
        assert len(served) >= 5 and all(isinstance(result, float) for result in served)

    asyncio.run(check())


def test_conversations_that_take_turns_are_not_read_again(small: ServerProcess) -> None:
    client = small.client()
    talks: dict[str, list[dict[str, str]]] = {}
    for name in ("Anna", "Bernard"):
        system = f"You are {name}. " + f"{name} is kind and brief. " * 16
        talks[name] = [{"role": "system", "content": system}, {"role": "user", "content": "Who are you?"}]
    for _ in range(2):
        for talk in talks.values():
            answer = client.chat.completions.create(model="small", messages=talk, max_tokens=8)  # type: ignore[arg-type]
            assert answer.usage is not None and answer.usage.prompt_tokens_details is not None
            new = answer.usage.prompt_tokens - (answer.usage.prompt_tokens_details.cached_tokens or 0)
            text = answer.choices[0].message.content or ""
            talk += [{"role": "assistant", "content": text}, {"role": "user", "content": "And now?"}]
    assert new < 40


def test_a_page_that_was_named_may_ask(small: ServerProcess) -> None:
    for method in ("GET", "OPTIONS"):
        answer = small.raw(request_bytes("/v1/models", method=method, headers=[f"Origin: {PAGE}"]))
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204"))
        assert f"access-control-allow-origin: {PAGE}".encode() in answer.lower()
    other = small.raw(request_bytes("/v1/models", method="GET", headers=["Origin: https://notes.example.evil.example"]))
    assert other.startswith(b"HTTP/1.1 403")


def test_no_answer_is_longer_than_the_server_allows(small: ServerProcess) -> None:
    answer = small.client().chat.completions.create(
        model="small", messages=[{"role": "user", "content": "Tell a long story."}], max_tokens=5000, temperature=0
    )
    assert answer.usage is not None and answer.usage.completion_tokens <= 60
