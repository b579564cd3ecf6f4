"""What a model thinks before its answer comes as `reasoning_content`, and is no part of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.server.conftest import ServerProcess, start_server, stop_server

TEMPLATE = (
    "{% for m in messages %}{{ m.content }}{% endfor %}<think>\n"
    "{% if enable_thinking is false %}\n</think>\n{% endif %}"
)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A model of random words, whose thought its template opens."""
    path = tmp_path_factory.mktemp("models") / "thinker.gguf"
    write_random_model(path, template=TEMPLATE, control=("<think>", "</think>"))
    server = start_server(path, tmp_path_factory.mktemp("home"))
    yield server
    stop_server(server)


def ask(server: ServerProcess, **options: Any) -> Any:
    settings = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 30, "seed": 3, "temperature": 50}
    even = {"top_k": 0, "top_p": 1, "min_p": 0, **options.pop("extra_body", {})}
    return server.client().chat.completions.create(model="thinker", extra_body=even, **(settings | options))


def test_a_thought_is_apart_from_the_answer(thinker: ServerProcess) -> None:
    message = ask(thinker).choices[0].message
    assert message.reasoning_content
    deltas = [chunk.choices[0].delta for chunk in ask(thinker, stream=True)]
    streamed = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert streamed == message.reasoning_content
    assert "".join(delta.content or "" for delta in deltas) == message.content


@pytest.mark.parametrize(
    "options",
    [{"reasoning_effort": "none"}, {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}},
     {"response_format": {"type": "json_object"}}],
)  # fmt: skip
def test_a_model_that_can_be_told_not_to_think_does_not(thinker: ServerProcess, options: dict[str, Any]) -> None:
    message = ask(thinker, **options).choices[0].message
    assert getattr(message, "reasoning_content", None) is None
    assert message.content


def test_log_probabilities_are_of_the_answer_alone(thinker: ServerProcess) -> None:
    choice = ask(thinker, logprobs=True).choices[0]
    assert choice.message.reasoning_content and not choice.message.content
    assert choice.logprobs.content == []
