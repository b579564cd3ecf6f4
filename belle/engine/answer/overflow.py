"""When a conversation outgrows the context: say so, or leave out its oldest turns. Never a silent cut.

Turns are left out in large steps of half a context. A step costs a new reading of all that remains, because everything
moves; after it, many turns fit before the next one, and in between the beginning of the prompt stays the same, so
that the KV cache can be used again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from belle.engine.process.protocol import Overflow
from belle.errors import KnownError
from belle.prompts import Message

_LARGEST_RESERVE = 256


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits. `first_kept` is the index of the first message kept besides the system message, None: all."""

    tokens: list[int]
    first_kept: int | None = None


def room_for_prompt(n_ctx: int, max_tokens: int | None) -> int:
    """The longest prompt, in tokens, that leaves room for an answer worth the name."""
    reserve = min(_LARGEST_RESERVE, n_ctx // 8)
    return n_ctx - (reserve if max_tokens is None else max(1, min(reserve, max_tokens)))


def fit(
    messages: Sequence[Message],
    render: Callable[[Sequence[Message]], list[int]],
    *,
    n_ctx: int,
    n_ctx_train: int,
    max_tokens: int | None,
    overflow: Overflow,
) -> FittedPrompt:
    """The prompt for `messages`, without the oldest turns if it has to be and `overflow` allows it.

    Raises KnownError("prompt_too_long") with `prompt_tokens`, `n_ctx`, `n_ctx_train` and `fits_after_drop`.
    """
    room = room_for_prompt(n_ctx, max_tokens)
    whole = render(messages)
    if len(whole) <= room:
        return FittedPrompt(whole)
    system = messages[:1] if messages and messages[0].role == "system" else ()
    starts = [i for i, m in enumerate(messages) if m.role == "user" and i > len(system)]

    def tokens_from(start: int) -> list[int]:
        return render([*system, *messages[start:]])

    shortest = tokens_from(starts[-1]) if starts else whole
    fits = len(shortest) <= room
    if overflow == "refuse" or not fits:
        raise _too_long(len(whole), n_ctx, n_ctx_train, fits_after_drop=fits)
    step = n_ctx // 2
    excess = len(whole) - room
    to_drop = -(-excess // step) * step
    # Fewer tokens remain the later the first turn is: the first one that drops enough, or the last.
    index = bisect_left(starts[:-1], to_drop, key=lambda start: len(whole) - len(tokens_from(start)))
    return FittedPrompt(tokens_from(starts[index]), starts[index])


def _too_long(prompt_tokens: int, n_ctx: int, n_ctx_train: int, *, fits_after_drop: bool) -> KnownError:
    if fits_after_drop:
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
    )
