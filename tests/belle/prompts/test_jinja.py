"""Built-in templates as Jinja programs write the same text as they do themselves, and are recognised when read back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.prompts import TEMPLATES, Message, as_text, get_template, template_from_gguf
from belle.prompts.jinja import jinja_source
from belle.prompts.sandbox import Program

IDS = [template.id for template in TEMPLATES.values() if jinja_source(template) is not None]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20)
TALKS = st.builds(
    lambda system, turns: [
        *([Message("system", system)] if system else []),
        *(Message(role, text) for turn in turns for role, text in zip(("user", "assistant"), turn, strict=True)),  # type: ignore[arg-type]
        Message("user", "last"),
    ],
    st.none() | TEXT,
    st.lists(st.tuples(TEXT, TEXT), max_size=3),
)


def test_which_have_one() -> None:
    assert set(TEMPLATES) - set(IDS) == {"plain"}


@pytest.mark.parametrize("template_id", IDS)
@given(messages=TALKS)
@settings(max_examples=25)
def test_the_same_text(template_id: str, messages: list[Message]) -> None:
    template = get_template(template_id)
    program = Program(jinja_source(template), bos_token="<s>", eos_token="</s>")
    assert program.render(messages, add_generation_prompt=True) == as_text(template.segments(messages))


@pytest.mark.parametrize("template_id", IDS)
def test_what_we_wrote_is_recognised(template_id: str) -> None:
    source = jinja_source(get_template(template_id))
    assert template_from_gguf(source, bos_token="<s>", eos_token="</s>") is get_template(template_id)
    assert template_from_gguf(source + " ", bos_token="<s>", eos_token="</s>").id == "gguf"
