"""The first token at which two answers part, and how sure each model was there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from belle.engine.process.events import TokenLogprob


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """What a model wrote at a place.

    Attributes:
        text: of its token.
        probability: that it gave to this token, before any sampling setting; 0…1.
        other_probability: that it gave to the other model's token; None when that is not among its likeliest.
    """

    text: str
    probability: float | None
    other_probability: float | None = None


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two answers part. A choice is None where that answer had ended.

    Attributes:
        n_same: tokens of the left answer before that place.
    """

    n_same: int
    left: TokenChoice | None
    right: TokenChoice | None


def first_parting(left: Sequence[TokenLogprob], right: Sequence[TokenLogprob]) -> Parting | None:
    """Where two answers part first; None when one of them has no tokens, or both are the same.

    Compared by bytes, because models with different vocabularies write the same words in different tokens.
    """
    if not left or not right:
        return None
    a, b = _bytes(left), _bytes(right)
    if a == b:
        return None
    shared = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    n_left, n_right = _token_at(left, shared), _token_at(right, shared)
    ours = left[n_left] if n_left < len(left) else None
    theirs = right[n_right] if n_right < len(right) else None
    return Parting(n_left, _choice(ours, theirs), _choice(theirs, ours))


def _bytes(tokens: Sequence[TokenLogprob]) -> bytes:
    return b"".join(bytes(token.piece) for token in tokens)


def _token_at(tokens: Sequence[TokenLogprob], offset: int) -> int:
    """The index of the token with the byte at `offset`; behind the last token, their number."""
    end = 0
    for index, token in enumerate(tokens):
        end += len(token.piece)
        if offset < end:
            return index
    return len(tokens)


def _choice(token: TokenLogprob | None, other: TokenLogprob | None) -> TokenChoice | None:
    if token is None:
        return None
    of_other = None
    if other is not None:
        # By its bytes: the ids of another vocabulary mean other tokens.
        of_other = next((logprob for _, piece, logprob in token.top if piece == other.piece), None)
    return TokenChoice(
        bytes(token.piece).decode("utf-8", "replace"),
        None if token.logprob is None else math.exp(token.logprob),
        None if of_other is None else math.exp(of_other),
    )
