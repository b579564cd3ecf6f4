"""Tools through the model's own template: offered, called, and answered for, by the official client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.belle.chat_programs import QWEN_25
from tests.belle.server.conftest import ServerProcess, start_server, stop_server

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
                "required": ["city", "days"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "description": "The time."}},
]
BROKEN_CALL = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}
QUESTION: list[Any] = [{"role": "user", "content": "How will the weather be in Paris?"}]


@pytest.fixture(scope="module")
def caller(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The starter model with a template that knows tools."""
    folder = tmp_path_factory.mktemp("models")
    path, template = folder / "caller.gguf", folder / "template.jinja"
    template.write_text(QWEN_25, encoding="utf-8")
    command = [sys.executable, "-m", "gguf.scripts.gguf_new_metadata", "--chat-template-file", str(template)]
    subprocess.run([*command, str(starter), str(path)], check=True, capture_output=True)
    server = start_server(path, tmp_path_factory.mktemp("home"), "--ctx", "1024")
    yield server
    stop_server(server)


def ask(server: ServerProcess, **options: Any) -> Any:
    settings: dict[str, Any] = {"messages": QUESTION, "tools": TOOLS, "max_tokens": 200, "seed": 4} | options
    return server.client().chat.completions.create(model="caller", **settings)


def test_a_call_that_is_asked_for_is_made(caller: ServerProcess) -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = ask(caller, tool_choice=choice, temperature=1.5).choices[0]
    assert answer.finish_reason == "tool_calls"
    (call,) = answer.message.tool_calls
    assert call.function.name == "weather" and call.id
    arguments = json.loads(call.function.arguments)
    assert isinstance(arguments["city"], str) and 1 <= arguments["days"] <= 7
    assert answer.message.content is None


def test_one_of_the_tools_is_called_where_one_is_required(caller: ServerProcess) -> None:
    chunks = list(ask(caller, tool_choice="required", temperature=1.5, stream=True))
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert len(calls) == 1 and calls[0].index == 0
    assert calls[0].function.name in ("weather", "now")
    json.loads(calls[0].function.arguments)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert not any(chunk.choices[0].delta.content for chunk in chunks)


def test_the_result_of_a_call_goes_back_to_the_model(caller: ServerProcess) -> None:
    function = {"name": "weather", "arguments": '{"city": "Paris", "days": 1}'}
    talk = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "c1", "content": "21 degrees and sunny"},
    ]
    answer = ask(caller, messages=talk, temperature=0, max_tokens=40)
    alone = ask(caller, messages=talk[:1], temperature=0, max_tokens=40)
    assert answer.usage.prompt_tokens > alone.usage.prompt_tokens + 30
    assert answer.choices[0].message.content


def test_without_tools_nothing_of_them_is_written(caller: ServerProcess) -> None:
    offered = ask(caller, max_tokens=4).usage.prompt_tokens
    for options in ({"tools": []}, {"tool_choice": "none"}):
        assert ask(caller, max_tokens=4, **options).usage.prompt_tokens < offered - 100


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "missing"}}}, "tool_choice"),
        ({"tool_choice": "required", "response_format": {"type": "json_object"}}, "tool_choice"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"messages": [*QUESTION, BROKEN_CALL]}, "messages[1].tool_calls[0].function.arguments"),
    ],
)
def test_what_is_wrong_with_tools_is_named(caller: ServerProcess, options: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(caller, **options)
    assert caught.value.param == param
