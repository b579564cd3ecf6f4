"""The families' prompts are those that were published: as llama.cpp writes them, and as their chat templates do."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp.llama_cpp as llama
import pytest

from belle.prompts import TEMPLATES, Message, as_text, get_template
from belle.prompts.families import FAMILIES

DEEPSEEK_EOS = "<｜end▁of▁sentence｜>"
TALK = [
    Message("user", "What is rain?"),
    Message("assistant", "Water from clouds.\nIt falls."),
    Message("user", "雪呢？"),
]
WITH_SYSTEM = [Message("system", "Be brief."), *TALK]

LLAMA_CPP = {
    "gemma": "gemma",
    "mistral": "mistral-v1",
    "mistral-v3": "mistral-v3",
    "mistral-tekken": "mistral-v3-tekken",
    "mistral-v7": "mistral-v7-tekken",
    "llama-3": "llama3",
    "chatml": "chatml",
    "deepseek-v2": "deepseek2",
    "phi-3": "phi3",
    "phi-4": "phi4",
}
"""Our names and llama.cpp's."""

PUBLISHED = {"gemma": "gemma3", "llama-3": "llama3", "phi-3": "phi3"}
"""Our names, and the chat templates out of the models' own repositories that come with trl."""


def llama_cpp_writes(name: str, messages: list[Message], *, answer: bool) -> str:
    chat = (llama.llama_chat_message * len(messages))()
    texts = [(message.role.encode(), message.content.encode()) for message in messages]
    for place, (role, content) in enumerate(texts):
        chat[place].role, chat[place].content = role, content
    room = ctypes.create_string_buffer(4096)
    length = llama.llama_chat_apply_template(name.encode(), chat, len(messages), answer, room, len(room))
    assert 0 < length < len(room)
    return room.raw[:length].decode()


@pytest.mark.parametrize("messages", [TALK, WITH_SYSTEM], ids=["without a system text", "with one"])
@pytest.mark.parametrize("template_id", LLAMA_CPP)
def test_it_writes_what_llama_cpp_writes(template_id: str, messages: list[Message]) -> None:
    eos = DEEPSEEK_EOS if template_id == "deepseek-v2" else "</s>"
    theirs = llama_cpp_writes(LLAMA_CPP[template_id], messages, answer=True)
    if template_id == "mistral":
        # Theirs spells out the space that SentencePiece puts in front by itself.
        theirs = theirs.replace(" [INST]", "[INST]")
    assert as_text(get_template(template_id).segments(messages), bos="", eos=eos) == theirs


@pytest.mark.parametrize("template_id", PUBLISHED)
def test_it_writes_what_the_published_template_writes(template_id: str) -> None:
    trl = pytest.importorskip("trl")
    from transformers.utils.chat_template_utils import render_jinja_template

    source = (Path(trl.__file__).parent / "chat_templates" / f"{PUBLISHED[template_id]}.jinja").read_text("utf-8")
    for messages in (TALK, WITH_SYSTEM):
        rows = [{"role": message.role, "content": message.content} for message in messages]
        (theirs,), _ = render_jinja_template(
            [rows], chat_template=source, add_generation_prompt=True, bos_token="<bos>", eos_token="<eos>"
        )
        assert as_text(get_template(template_id).segments(messages), bos="<bos>", eos="<eos>") == theirs


def test_deepseek_reads_its_system_text_without_a_role() -> None:
    written = as_text(get_template("deepseek").segments(WITH_SYSTEM), bos="<b>", eos="<e>")
    answered = "<｜Assistant｜>Water from clouds.\nIt falls.<e>"
    assert written == f"<b>Be brief.<｜User｜>What is rain?{answered}<｜User｜>雪呢？<｜Assistant｜>"


def test_alpaca_and_vicuna_begin_with_the_sentence_they_were_trained_with() -> None:
    alpaca = as_text(get_template("alpaca").segments(TALK))
    assert alpaca == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nWhat is rain?\n\n### Response:\nWater from clouds.\nIt falls.</s>"
        "### Instruction:\n雪呢？\n\n### Response:\n"
    )
    vicuna = as_text(get_template("vicuna").segments(TALK))
    assert vicuna == (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the user's questions. "
        "USER: What is rain? ASSISTANT: Water from clouds.\nIt falls.</s>USER: 雪呢？ ASSISTANT:"
    )
    for template_id, begins in (("alpaca", "Be brief.\n\n### Instruction:"), ("vicuna", "Be brief. USER:")):
        assert as_text(get_template(template_id).segments(WITH_SYSTEM)).startswith(begins)


@pytest.mark.parametrize("template", FAMILIES, ids=lambda family: family.id)
def test_what_closes_an_answer_is_trained_and_what_follows_it_is_not(template) -> None:
    segments = template.segments([*TALK[:1], TALK[1]], add_generation_prompt=False)
    trained = [place for place, segment in enumerate(segments) if segment.trained]
    text, end = (segments[place] for place in trained)
    assert trained[1] == trained[0] + 1
    assert text.text == template.answer_prefix + TALK[1].content
    assert end.special == "eos" or end.text in template.stop


@pytest.mark.parametrize("template", FAMILIES, ids=lambda family: family.id)
def test_the_tokens_it_needs_are_those_it_writes(template) -> None:
    written = as_text(template.segments(WITH_SYSTEM), bos="", eos="")
    assert all(token in written for token in template.needs)


def test_every_family_is_offered() -> None:
    assert {family.id for family in FAMILIES} | {"llama-2", "belle", "plain"} <= set(TEMPLATES)
