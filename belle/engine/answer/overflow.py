"""When a conversation outgrows the context: say so, or leave out turns. Never a silent cut.

A turn is a question and what follows it up to the next one. The system message, the last turn and those that are
pinned stay; of the others each policy has an order in which they go. They go in large steps of half a context: a step
costs a new reading of all that remains after the cut, because it moves; after it, many turns fit before the next one,
and in between the beginning of the prompt stays the same, so that the KV cache can be used again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from belle.engine.process.commands import Overflow
from belle.errors import KnownError
from belle.prompts import Message

Render = Callable[[Sequence[Message]], list[int]]
"""The tokens of a prompt with these messages."""

LargePart = Literal["pins", "summary", "system"]
"""What leaves no room for the last message: the pinned turns, the summary, the system message."""

_LARGEST_RESERVE = 256
_NOTHING: Mapping[LargePart, Render] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits. `left_out` are the indices of the messages that are not in it, ascending."""

    tokens: list[int]
    left_out: tuple[int, ...] = ()


def room_for_prompt(n_ctx: int, max_tokens: int | None) -> int:
    """The longest prompt, in tokens, that leaves room for an answer worth the name."""
    reserve = min(_LARGEST_RESERVE, n_ctx // 8)
    return n_ctx - (reserve if max_tokens is None else max(1, min(reserve, max_tokens)))


def room_for_summary(n_ctx: int) -> int:
    """The longest summary of what was left out, in tokens."""
    return min(_LARGEST_RESERVE, n_ctx // 8)


def fit(
    messages: Sequence[Message],
    render: Render,
    *,
    n_ctx: int,
    n_ctx_train: int,
    max_tokens: int | None,
    overflow: Overflow,
    pinned: Collection[int] = (),
    without: Mapping[LargePart, Render] = _NOTHING,
) -> FittedPrompt:
    """The prompt for `messages`, without some of the turns if it has to be and `overflow` allows it.

    Args:
        pinned: indices of messages whose turns stay.
        without: renders the prompt without one of its parts, to find out which of them leaves no room.

    Raises KnownError("prompt_too_long") with `prompt_tokens`, `n_ctx`, `n_ctx_train` and `fits_after_drop`; with
    `too_large`, one of `LargePart`, where the last turn would fit if that were not there.
    """
    room = room_for_prompt(n_ctx, max_tokens)
    whole = render(messages)
    if len(whole) <= room:
        return FittedPrompt(whole)
    if overflow == "summarise":
        room -= room_for_summary(n_ctx)  # which is to stand in the place of the turns
    order = _going_first(messages, overflow, pinned)

    def rest(turns: Sequence[range]) -> list[Message]:
        gone = set(_indices(turns))
        return [message for index, message in enumerate(messages) if index not in gone]

    def tokens_without(turns: Sequence[range]) -> list[int]:
        return render(rest(turns))

    fits = bool(order) and len(tokens_without(order)) <= room
    if overflow == "refuse" or not fits:
        every_turn = _going_first(messages, overflow, ())
        renders: Mapping[LargePart, Render] = {"pins": render, **without} if len(every_turn) > len(order) else without
        last = rest(every_turn)
        too_large = None if fits else next((part for part in renders if len(renders[part](last)) <= room), None)
        raise _too_long(len(whole), n_ctx, n_ctx_train, fits_after_drop=fits, too_large=too_large)
    step = n_ctx // 2
    to_drop = -(-(len(whole) - room) // step) * step
    # The more turns go, the fewer tokens remain: the first number that drops enough, or all that may go.
    count = bisect_left(range(1, len(order)), to_drop, key=lambda n: len(whole) - len(tokens_without(order[:n]))) + 1
    return FittedPrompt(tokens_without(order[:count]), _indices(order[:count]))


def _going_first(messages: Sequence[Message], overflow: Overflow, pinned: Collection[int]) -> list[range]:
    """The turns that may be left out, as ranges of indices, those first that go first."""
    begin = 1 if messages and messages[0].role == "system" else 0
    questions = [i for i, message in enumerate(messages) if message.role == "user" and i > begin]
    starts = [begin, *questions] if begin < len(messages) else []
    turns = [range(start, end) for start, end in pairwise(starts)]
    may_go = [turn for turn in turns if not any(index in turn for index in pinned)]
    if overflow == "cut_middle" and may_go and may_go[0] == turns[0]:
        return [*may_go[1:], may_go[0]]
    return may_go


def _indices(turns: Sequence[range]) -> tuple[int, ...]:
    return tuple(sorted(index for turn in turns for index in turn))


_LARGE_PARTS: Mapping[LargePart, tuple[str, str]] = {
    "pins": ("The pinned turns", "Unpin some of them"),
    "summary": ("The summary of what was left out", "Shorten the summary"),
    "system": ("The system message", "Shorten the system message"),
}


def check_length(prompt_tokens: int, *, n_ctx: int, n_ctx_train: int, max_tokens: int | None) -> None:
    """That a prompt of so many tokens fits. Raises KnownError("prompt_too_long") as `fit`."""
    if prompt_tokens > room_for_prompt(n_ctx, max_tokens):
        raise _too_long(prompt_tokens, n_ctx, n_ctx_train, fits_after_drop=False)


def _too_long(
    prompt_tokens: int, n_ctx: int, n_ctx_train: int, *, fits_after_drop: bool, too_large: LargePart | None = None
) -> KnownError:
    if too_large is not None:
        what, remedy = _LARGE_PARTS[too_large]
        message = f"{what} and the last message do not fit: the context holds {n_ctx:,} tokens, answer included."
        advice = f"{remedy}, or load the model with a larger context."
    elif fits_after_drop:
        message = f"The conversation has {prompt_tokens:,} tokens; the context holds {n_ctx:,}, answer included."
        advice = "Leave out its oldest turns, load the model with a larger context, or begin a new conversation."
    else:
        message = (
            f"The message is too long: {prompt_tokens:,} tokens, and the context holds {n_ctx:,}, answer included."
        )
        advice = "Shorten it, or load the model with a larger context."
    return KnownError(
        "prompt_too_long",
        message,
        advice,
        prompt_tokens=prompt_tokens,
        n_ctx=n_ctx,
        n_ctx_train=n_ctx_train,
        fits_after_drop=fits_after_drop,
        **({"too_large": too_large} if too_large else {}),
    )
