"""Built-in templates as Jinja must say, letter for letter, what `belle.prompts` says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, as_text, get_template, template_from_gguf
from convert.tokenizers.templates import CHAT_TEMPLATES, missing_tokens, suggest_template

IDS = [template.id for template in TEMPLATES.values() if template.id != "plain"]
TEXT = st.text(max_size=20)
TURNS = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=6)


def rendered(template_id: str, messages: list[Message]) -> str:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    rows = [{"role": m.role, "content": m.content} for m in messages]
    template = environment.from_string(CHAT_TEMPLATES[template_id])
    return template.render(messages=rows, eos_token="</s>", bos_token="<s>", add_generation_prompt=True)


def test_every_template_with_turns_is_there() -> None:
    assert list(CHAT_TEMPLATES) == IDS
    assert len(CHAT_TEMPLATES) == len(IDS)


@given(st.sampled_from(IDS), TURNS)
def test_the_same_text(template_id: str, messages: list[Message]) -> None:
    assert rendered(template_id, messages) == as_text(get_template(template_id).segments(messages))


def test_to_the_letter() -> None:
    talk = [Message("user", "你好"), Message("assistant", "你好！"), Message("user", "再见")]
    assert rendered("belle", talk) == "Human: \n你好\n\nAssistant: \n你好！</s>Human: \n再见\n\nAssistant: \n"
    assert rendered("belle-bloom", talk[:1]) == "Human: 你好\n\nAssistant:"


@pytest.mark.parametrize("template_id", IDS)
def test_the_chat_program_reads_it_back(template_id: str) -> None:
    template = template_from_gguf(CHAT_TEMPLATES[template_id], bos_token="<s>", eos_token="</s>")
    messages = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    assert as_text(template.segments(messages)) == as_text(get_template(template_id).segments(messages))


def test_unknown() -> None:
    with pytest.raises(KnownError, match="belle-bloom") as caught:
        CHAT_TEMPLATES["chat-ml"]
    assert caught.value.kind == "unknown_template"


@pytest.mark.parametrize(("names", "model_type", "expected"), [
    ("BELLE-7B-2M", "bloom", "belle-bloom"),
    ("BELLE-Llama2-13B-chat-0.4M", "llama", "belle-llama2"),
    ("BELLE-LLaMA-7B-2M-enc", "llama", "belle-v0"),
    ("BELLE-LLaMA-7B-0.6M-enc", "llama", "belle-v0"),
    ("BELLE-LLaMA-EXT-13B", "llama", "belle-ext"),
    ("my-belle-finetune", "llama", "belle"),
    ("bloomz-7b1-mt", "bloom", None),
    ("BELLE-LLaMA-EXT-7B", "llama", None),
])  # fmt: skip
def test_by_name(names: str, model_type: str, expected: str | None) -> None:
    assert suggest_template(names, model_type) == expected


def test_the_tokens_that_a_vocabulary_lacks_are_named() -> None:
    assert missing_tokens("chatml", ["<|im_start|>", "a"]) == ["<|im_end|>"]
    assert missing_tokens("belle", []) == []
