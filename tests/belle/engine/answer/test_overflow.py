from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.engine.answer.overflow import FittedPrompt, LargePart, fit, room_for_prompt, room_for_summary
from belle.engine.process.commands import Overflow
from belle.errors import KnownError
from belle.prompts import Message

SYSTEM = Message("system", "s" * 10)


def render(messages: Sequence[Message]) -> list[int]:
    """One token per character."""
    return list("".join(m.content for m in messages).encode())


def conversation(turns: int, length: int = 20, *, system: bool = True) -> list[Message]:
    """Alternating messages, each of `length` characters, ending with a question."""
    roles = ("user", "assistant")
    talk = [Message(roles[i % 2], f"{i:0{length}d}") for i in range(2 * turns - 1)]  # type: ignore[arg-type]
    return [SYSTEM, *talk] if system else talk


def fitted(
    messages: list[Message], n_ctx: int = 400, overflow: Overflow = "drop_oldest", pinned: Sequence[int] = ()
) -> FittedPrompt:
    return fit(messages, render, n_ctx=n_ctx, n_ctx_train=8192, max_tokens=None, overflow=overflow, pinned=pinned)


def kept(messages: list[Message], prompt: FittedPrompt) -> list[Message]:
    return [message for index, message in enumerate(messages) if index not in prompt.left_out]


def test_there_is_room_for_an_answer() -> None:
    assert room_for_prompt(4096, None) == 4096 - 256
    assert room_for_prompt(800, None) == 700
    assert room_for_prompt(800, 10) == 790
    assert room_for_prompt(800, 0) == 799


def test_what_fits_is_left_alone() -> None:
    messages = conversation(5)
    assert fitted(messages) == FittedPrompt(render(messages), ())


def test_refused_with_the_numbers() -> None:
    with pytest.raises(KnownError) as caught:
        fitted(conversation(20), overflow="refuse")
    assert caught.value.kind == "prompt_too_long"
    assert caught.value.details == {
        "prompt_tokens": 10 + 39 * 20, "n_ctx": 400, "n_ctx_train": 8192, "fits_after_drop": True,
    }  # fmt: skip


@pytest.mark.parametrize("overflow", get_args(Overflow))
def test_too_many_pinned_turns_are_named_as_the_reason(overflow: Overflow) -> None:
    messages = conversation(20)
    with pytest.raises(KnownError) as caught:
        fitted(messages, overflow=overflow, pinned=range(len(messages)))
    assert caught.value.details["too_large"] == "pins"
    assert caught.value.details["fits_after_drop"] is False
    assert "pinned" in str(caught.value)
    with pytest.raises(KnownError) as caught:
        fitted([*messages[:-1], Message("user", "x" * 500)], overflow=overflow, pinned=range(len(messages)))
    assert "too_large" not in caught.value.details


@pytest.mark.parametrize("overflow", get_args(Overflow))
@pytest.mark.parametrize("part", ["summary", "system"])
def test_the_part_that_leaves_no_room_is_named_as_the_reason(overflow: Overflow, part: LargePart) -> None:
    heavy = Message("system", "s" * 500)

    def without(messages: Sequence[Message]) -> list[int]:
        return render([one for one in messages if one is not heavy])

    for talk, reason in (
        (conversation(20, system=False), part),
        (conversation(1, system=False), part),
        ([Message("user", "x" * 500)], None),  # too long by itself
    ):
        with pytest.raises(KnownError) as caught:
            fit(
                [heavy, *talk],
                render,
                n_ctx=400,
                n_ctx_train=8192,
                max_tokens=None,
                overflow=overflow,
                without={part: without},
            )
        assert caught.value.details.get("too_large") == reason
        assert (part in str(caught.value)) is (reason is not None)


@pytest.mark.parametrize("overflow", get_args(Overflow))
def test_a_last_question_that_is_too_long_alone(overflow: Overflow) -> None:
    for messages in ([*conversation(3)[:-1], Message("user", "x" * 500)], [Message("user", "x" * 500)]):
        with pytest.raises(KnownError) as caught:
            fitted(messages, overflow=overflow)
        assert caught.value.kind == "prompt_too_long"
        assert caught.value.details["fits_after_drop"] is False


@pytest.mark.parametrize("system", [True, False])
@pytest.mark.parametrize("turns", range(10, 60))
def test_the_newest_turns_and_the_system_message_are_kept(turns: int, system: bool) -> None:
    messages = conversation(turns, system=system)
    prompt = fitted(messages)
    assert prompt.left_out == tuple(range(system, prompt.left_out[-1] + 1))
    newest = messages[prompt.left_out[-1] + 1 :]
    assert newest[0].role == "user"
    assert prompt.tokens == render([SYSTEM, *newest] if system else newest)
    # At most half a context and a turn more than necessary is left out.
    assert room_for_prompt(400, None) - 200 - 40 <= len(prompt.tokens) <= room_for_prompt(400, None)


@pytest.mark.parametrize("overflow", ["drop_oldest", "cut_middle", "summarise"])
def test_the_cut_moves_in_large_steps(overflow: Overflow) -> None:
    cuts = [fitted(conversation(turns), overflow=overflow).left_out for turns in range(12, 60)]
    moves = sum(a != b for a, b in pairwise(cuts))
    assert moves <= 48 * 40 / 200 + 1


def test_a_continued_answer_stays_with_its_question() -> None:
    messages = [*conversation(20), Message("assistant", "partial")]
    prompt = fitted(messages)
    assert bytes(prompt.tokens).endswith(bytes(render(messages[-2:])))
    assert messages[prompt.left_out[-1] + 1].role == "user"


def test_a_few_long_turns() -> None:
    messages = conversation(3, length=150, system=False)
    prompt = fitted(messages)
    assert prompt.left_out == (0, 1, 2, 3)


@pytest.mark.parametrize("turns", range(12, 60, 7))
def test_cutting_the_middle_keeps_the_first_turn_and_the_newest(turns: int) -> None:
    messages = conversation(turns)
    prompt = fitted(messages, overflow="cut_middle")
    assert prompt.left_out == tuple(range(3, prompt.left_out[-1] + 1))
    assert kept(messages, prompt)[:3] == messages[:3]
    assert len(prompt.tokens) <= room_for_prompt(400, None)


def test_a_first_turn_that_leaves_no_room_goes_last() -> None:
    messages = [Message("user", "x" * 300), Message("assistant", "y"), *conversation(4, length=30, system=False)]
    prompt = fitted(messages, overflow="cut_middle")
    assert 0 in prompt.left_out
    assert len(prompt.tokens) <= room_for_prompt(400, None)


def test_a_summary_has_its_room() -> None:
    prompt = fitted(conversation(20), overflow="summarise")
    assert len(prompt.tokens) <= room_for_prompt(400, None) - room_for_summary(400)


@given(
    lengths=st.lists(st.integers(1, 60), min_size=3, max_size=60),
    pins=st.sets(st.integers(0, 59), max_size=3),
    overflow=st.sampled_from(["drop_oldest", "cut_middle", "summarise"]),
    system=st.booleans(),
)
def test_what_stays(lengths: list[int], pins: set[int], overflow: Overflow, system: bool) -> None:
    talk = [Message(("user", "assistant")[i % 2], "a" * n) for i, n in enumerate(lengths)]  # type: ignore[arg-type]
    messages = [SYSTEM, *talk] if system else talk
    pinned = tuple(sorted(i for i in pins if i < len(messages)))
    try:
        prompt = fitted(messages, overflow=overflow, pinned=pinned)
    except KnownError as error:
        assert error.kind == "prompt_too_long"
        return
    stays = kept(messages, prompt)
    assert prompt.tokens == render(stays)
    assert len(prompt.tokens) <= room_for_prompt(400, None)
    assert not set(pinned) & set(prompt.left_out)
    assert list(prompt.left_out) == sorted(set(prompt.left_out))
    if system:
        assert stays[0] == SYSTEM
    last_question = max(i for i, message in enumerate(messages) if message.role == "user")
    assert all(index < last_question for index in prompt.left_out)
    talk_left = stays[1:] if system else stays
    assert [m.role for m in talk_left] == [("user", "assistant")[i % 2] for i in range(len(talk_left))]
