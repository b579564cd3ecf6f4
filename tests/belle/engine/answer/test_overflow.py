from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from belle.engine.answer.overflow import FittedPrompt, fit, room_for_prompt
from belle.engine.process.protocol import Overflow
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


def fitted(messages: list[Message], n_ctx: int = 400, overflow: Overflow = "drop_oldest") -> FittedPrompt:
    return fit(messages, render, n_ctx=n_ctx, n_ctx_train=8192, max_tokens=None, overflow=overflow)


def test_there_is_room_for_an_answer() -> None:
    assert room_for_prompt(4096, None) == 4096 - 256
    assert room_for_prompt(800, None) == 700
    assert room_for_prompt(800, 10) == 790
    assert room_for_prompt(800, 0) == 799


def test_what_fits_is_left_alone() -> None:
    messages = conversation(5)
    assert fitted(messages) == FittedPrompt(render(messages), None)


def test_refused_with_the_numbers() -> None:
    with pytest.raises(KnownError) as caught:
        fitted(conversation(20), overflow="refuse")
    assert caught.value.kind == "prompt_too_long"
    assert caught.value.details == {
        "prompt_tokens": 10 + 39 * 20, "n_ctx": 400, "n_ctx_train": 8192, "fits_after_drop": True,
    }  # fmt: skip


@pytest.mark.parametrize("overflow", ["refuse", "drop_oldest"])
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
    assert prompt.first_kept is not None
    assert messages[prompt.first_kept].role == "user"
    kept = messages[prompt.first_kept :]
    assert prompt.tokens == render([SYSTEM, *kept] if system else kept)
    # At most half a context and a turn more than necessary is left out.
    assert room_for_prompt(400, None) - 200 - 40 <= len(prompt.tokens) <= room_for_prompt(400, None)


def test_the_cut_moves_in_large_steps() -> None:
    cuts = [fitted(conversation(turns)).first_kept for turns in range(12, 60)]
    moves = sum(a != b for a, b in pairwise(cuts))
    assert moves <= 48 * 40 / 200 + 1


def test_a_continued_answer_stays_with_its_question() -> None:
    messages = [*conversation(20), Message("assistant", "partial")]
    prompt = fitted(messages)
    assert bytes(prompt.tokens).endswith(bytes(render(messages[-2:])))
    assert messages[prompt.first_kept or 0].role == "user"


def test_a_few_long_turns() -> None:
    messages = conversation(3, length=150, system=False)
    prompt = fitted(messages)
    assert prompt.first_kept == 4
