"""A thought is told apart from the answer, however the text is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.prompts import Message, template_from_gguf
from belle.prompts.thinking import BETWEEN, MARKS, ThinkingStream, opened_by, split_thinking, unopened_thought

PIECES = st.sampled_from(
    [
        *(m.opening for m in MARKS),
        *(m.closing for m in MARKS),
        *BETWEEN,
        "<",
        "th",
        "ink>",
        "</",
        "\n",
        " ",
        "好",
        "x = 1",
        "`",
        "```\n",
    ]
)

HARMONY = "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>{}"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(st.integers(1, 7), min_size=1, max_size=6),
    st.sampled_from([None, *MARKS]),
)
def test_any_cutting_gives_what_the_whole_gives(text, sizes, opened) -> None:
    stream = ThinkingStream(opened)
    given_out = []
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        given_out += stream.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    given_out += stream.finish()
    assert (stream.thinking, stream.text) == split_thinking(text, opened)
    assert "".join(p.text for p in given_out if p.is_thought) == stream.thinking
    assert "".join(p.text for p in given_out if not p.is_thought) == stream.text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_an_answer_without_marks_stays_as_it_is(text: str) -> None:
    if not text.lstrip().startswith(("<", "[")):
        assert split_thinking(text) == ("", text)


@pytest.mark.parametrize("marks", MARKS, ids=lambda m: m.opening)
def test_every_family_is_understood(marks) -> None:
    assert split_thinking(f"{marks.opening}\nfirst\n\nsecond\n{marks.closing}\n\nThe answer.") == (
        "first\n\nsecond",
        "The answer.",
    )
    assert split_thinking(f"first{marks.closing}answer", marks) == ("first", "answer")
    assert split_thinking(f"{marks.opening}unfinished </thi") == ("unfinished </thi", "")


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>\n\n</think>\n\nHello", "", "Hello"),
        ("Use <think>x</think> tags", "", "Use <think>x</think> tags"),
        ("<think>a</think><think>b</think>c", "a\n\nb", "c"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "a", "b"),
        ("<|channel|>final<|message|>b", "", "b"),
        ("<b>bold</b>", "", "<b>bold</b>"),
        ("[THIN", "", "[THIN"),
        ("  indented", "", "  indented"),
        ("<think>a", "a", ""),
    ],
)
def test_what_is_a_thought_and_what_is_not(text: str, thought: str, answer: str) -> None:
    assert split_thinking(text) == (thought, answer)


@pytest.mark.parametrize("marks", MARKS, ids=lambda m: m.opening)
@pytest.mark.parametrize("by_prompt", [False, True])
def test_a_model_that_has_thought_may_think_again_within_its_answer(marks, by_prompt) -> None:
    first = "" if by_prompt else marks.opening
    text = f"{first}a{marks.closing}b{marks.opening}c{marks.closing}d{marks.opening}e{marks.closing}"
    assert split_thinking(text, marks if by_prompt else None) == ("a\n\nc\n\ne", "bd")


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("<think>a</think>b\n\n<think>c</think>\n\nd", "a\n\nc", "b\n\nd"),
        ("<think>a</think>b<think>c</think>\n\nd", "a\n\nc", "b\n\nd"),
        ("<think>\n\n</think>b <think>c", "c", "b "),
        ("<think>a</think>b <thi", "a", "b <thi"),
        ("<think>a</think>b [THINK]c[/THINK]", "a", "b [THINK]c[/THINK]"),
        ("<think>a</think>write `<think>x</think>` there", "a", "write `<think>x</think>` there"),
        ("<think>a</think>`b` then<think>c</think>d", "a\n\nc", "`b` thend"),
        ("<think>a</think>``b` <think>x</think>``", "a", "``b` <think>x</think>``"),
        ("<think>a</think>```xml\n<think>x</think>\n```\nd", "a", "```xml\n<think>x</think>\n```\nd"),
        ("<think>a</think>```\nx\n```\n<think>c</think>d", "a\n\nc", "```\nx\n```\nd"),
        (
            f"{HARMONY.format('a', 'b')}<|start|>assistant{HARMONY.format('c', 'd')}",
            "a\n\nc",
            "bd",
        ),
    ],
)
def test_what_is_a_thought_within_an_answer_and_what_is_not(text: str, thought: str, answer: str) -> None:
    assert split_thinking(text) == (thought, answer)


def test_a_thought_that_prompt_and_model_both_open_is_opened_once() -> None:
    assert split_thinking("<think>a</think>b", MARKS[0]) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Let me see.\n\nYes.\n</think>\n\nThe answer.", ("Let me see.\n\nYes.", "The answer.")),
        ("step\n[/THINK]\nanswer", ("step", "answer")),
        ("`</think>` closes a thought", None),
        ("Write <think>\nx\n</think>\n around it", None),
        ("plain", None),
    ],
)
def test_a_thought_that_nobody_opened_is_found_at_the_end(text: str, found: tuple[str, str] | None) -> None:
    assert unopened_thought(text) == found


def test_the_answer_appears_as_soon_as_it_cannot_be_a_mark() -> None:
    stream = ThinkingStream()
    assert stream.feed("<th") == []
    assert [p.text for p in stream.feed("e")] == ["<the"]
    assert [p.text for p in stream.feed(" <think>")] == [" <think>"]


OPENS = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
SWITCHED = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
QUESTION = Message("user", "hi")


def text_of(template, *messages: Message, **more) -> str:
    return "".join(s.text for s in template.segments(messages, **more))


def test_a_prompt_that_opens_a_thought_is_noticed() -> None:
    template = template_from_gguf(OPENS, bos_token="", eos_token="")
    assert opened_by(text_of(template, QUESTION)) == MARKS[0]
    assert opened_by("<think>\n\n</think>\n\n") is None
    assert opened_by("say <think> please") is None


def test_an_answer_that_is_continued_is_no_thought() -> None:
    template = template_from_gguf(OPENS, bos_token="", eos_token="")
    continued = text_of(template, QUESTION, Message("assistant", "The ans"), continue_last=True)
    assert continued.endswith("<think>\n\n</think>\n\nThe ans")


def test_thinking_is_switched_where_the_template_can() -> None:
    template = template_from_gguf(SWITCHED, bos_token="", eos_token="")
    assert template.can_switch_thinking
    assert text_of(template, QUESTION) == text_of(template.with_thinking(True), QUESTION)
    assert text_of(template.with_thinking(False), QUESTION).endswith("<think>\n\n</think>\n\n")
    assert text_of(template.with_thinking(None), QUESTION) == text_of(template, QUESTION)
    plain = template_from_gguf(OPENS, bos_token="", eos_token="")
    assert not plain.can_switch_thinking
    assert plain.with_thinking(False) == plain
