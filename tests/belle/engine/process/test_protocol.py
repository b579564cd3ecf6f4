"""Every command and event that is sent arrives as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from belle.engine.process.commands import Command, DescribePicture, Embed, Generate, Load, Sampling
from belle.engine.process.events import (
    Embedded,
    Event,
    Fallback,
    Logprobs,
    ModelInfo,
    PictureDescribed,
    PictureRead,
    Ready,
    TokenLogprob,
)
from belle.engine.process.protocol import decode_command, decode_event, encode
from belle.prompts import Message, PictureRef, ToolCall

CALL = Message("assistant", "", tool_calls=(ToolCall("f", '{"a": "北京 🙂"}', "c1"), ToolCall("g", "{}")))
COMMANDS: list[Command] = [
    Load("model.gguf", prompt_cache=1 << 30),
    Load("model.gguf", kv_type="q4_0", flash_attention="on"),
    Generate(1, (Message("user", "hello"), CALL, Message("tool", "1", tool_call_id="c1", name="f")), tools="[{}]"),
    Generate(2, (), Sampling(presence_penalty=0.5, frequency_penalty=-0.5), prompt="go on", grammar='root ::= "a"'),
    Generate(3, (), prompt=(1, 2, 3), logprobs=5, prompt_logprobs=True),
    Embed(4, "text"),
    Embed(5, (7, 8)),
    Generate(
        6, (Message("user", "which?", pictures=(PictureRef("a.png"), PictureRef("图.jpg"))), Message("assistant", "b"))
    ),
    Load("model.gguf", mmproj="mmproj.gguf"),
    DescribePicture(7, "a.png", "preview.png", 64),
]
TOKEN = TokenLogprob(7, (0xE4, 0xBD), -0.25, ((7, (0xE4, 0xBD), -0.25), (9, (), float("-inf"))))
FELL_BACK = Fallback("kv_type", "q8_0", "f16", "head_size", "Its heads have 80 values.")
INFO = ModelInfo("m.gguf", "M", "llama", "Q4_K", 7, 4, 512, 2048, None, "CPU", 1024, fallbacks=(FELL_BACK, FELL_BACK))
EVENTS: list[Event] = [
    Ready(INFO),
    Ready(replace(INFO, fallbacks=(), kv_type="q8_0", flash_attention="on")),
    Logprobs(1, (TOKEN, TokenLogprob(1, (), None)), of_prompt=True),
    Embedded(2, (0.5, -0.5), 7),
    Ready(replace(INFO, sees=True, mmproj="mmproj.gguf", picture_tokens=256)),
    PictureDescribed(3, "PNG", "ab" * 32, 4000, 3000, 2000, 1500),
    PictureRead(4, "a.png", 4000, 3000, 2000, 1500, 256, 0.5),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.op)
def test_a_command_arrives(command: Command) -> None:
    assert decode_command(encode(command)) == command


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_an_event_arrives(event: Event) -> None:
    assert decode_event(encode(event)) == event
