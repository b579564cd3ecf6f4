"""Which answers are trained on: the same rule for training and for “belle data check”.

A blank answer would teach the model to say nothing, and an answer without a question to talk unasked. Both stay in the
conversation, as a chat would have them before the next question, but no loss is computed on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from belle.prompts.base import Message

Flaw = Literal["empty-answer", "unasked-answer"]

FLAWS: dict[Flaw, str] = {
    "empty-answer": "an answer is empty",
    "unasked-answer": "an answer follows no question",
}
"""Why an answer is not trained on; the texts follow a number of rows."""


def flaw_of(messages: Sequence[Message], index: int) -> Flaw | None:
    """Why the answer `messages[index]` is not trained on; None when it is.

    There has to be a question between it and the answer before it, with some text in the question or in a system
    message beside it.
    """
    if not messages[index].content.strip():
        return "empty-answer"
    start = next((i for i in range(index, 0, -1) if messages[i - 1].role == "assistant"), 0)
    before = messages[start:index]
    asked = any(m.role == "user" for m in before) and any(m.content.strip() for m in before)
    return None if asked else "unasked-answer"


def flaws_of(messages: Sequence[Message]) -> dict[int, Flaw]:
    """The answers that are not trained on, by their index, and why."""
    flaws = ((i, flaw_of(messages, i)) for i, m in enumerate(messages) if m.role == "assistant")
    return {index: flaw for index, flaw in flaws if flaw is not None}


def with_targets(messages: Sequence[Message]) -> list[Message]:
    """`messages`, with `trained` False for the answers with a flaw."""
    flaws = flaws_of(messages)
    return [replace(m, trained=False) if i in flaws else m for i, m in enumerate(messages)]


def nothing_to_train(messages: Sequence[Message]) -> str:
    """Why a conversation has no answer to train on, in a few words; "" when it has one."""
    if not any(message.role == "assistant" for message in messages):
        return "nothing is answered"
    answers = [i for i, message in enumerate(messages) if message.is_target]
    if not answers:
        return "every answer has weight 0"
    flaws = {i: flaw for i, flaw in flaws_of(messages).items() if i in answers}
    if len(flaws) < len(answers):
        return ""
    kinds = set(flaws.values())
    return f"no answer but such where {FLAWS[kinds.pop()]}" if len(kinds) == 1 else "no answer to a question"


def pair_flaw(chosen: str, rejected: str) -> str:
    """Why a pair of answers teaches nothing, in a few words; "" when it does."""
    if not chosen.strip():
        return "the chosen answer is empty"
    return "both answers of a pair are the same" if chosen.strip() == rejected.strip() else ""
