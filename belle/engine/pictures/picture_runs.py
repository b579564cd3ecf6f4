"""Pictures among the tokens of a prompt.

A picture becomes embeddings, for which there are no tokens. In their places the prompt has negative numbers, made from
the hash of the picture. So prompts with the same picture begin alike and those with another one do not, and whatever
compares, counts or saves tokens is right about pictures too. What evaluates tokens asks `PictureRuns` first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PictureRun:
    """The places of one picture, or of one tile of a picture, in a prompt.

    Args:
        identity: a hash of all that its embeddings depend on.
        tile: which of the picture's runs it is.
        n_tokens: how many embeddings there are.
        n_positions: by which the positions of the tokens after it move on; with M-RoPE less than there are tokens,
            because they lie in two dimensions.
        path: of the picture.
    """

    identity: str
    tile: int
    n_tokens: int
    n_positions: int
    path: str

    @property
    def ids(self) -> tuple[int, ...]:
        """What stands in the places of its tokens: numbers of 32 bits, all of them negative."""
        digest = hashlib.shake_256(f"{self.identity} {self.tile}".encode()).digest(4 * self.n_tokens)
        return tuple((np.frombuffer(digest, "<i4") | np.int32(-(1 << 31))).tolist())


class PictureRuns:
    """The runs that a context may hold, by their first number."""

    def __init__(self) -> None:
        self._runs: dict[int, PictureRun] = {}
        self._moves = False  # some run has fewer positions than tokens

    def add(self, run: PictureRun) -> None:
        """Know a run from now on."""
        self._runs[run.ids[0]] = run
        self._moves = self._moves or run.n_positions != run.n_tokens

    def at(self, token: int) -> PictureRun | None:
        """The run that begins with `token`; None for a token of the vocabulary."""
        return self._runs.get(token) if token < 0 else None

    def n_positions(self, tokens: Sequence[int], start: int, end: int) -> int:
        """By how much the tokens from `start` to `end`, which cut through no run, move the position on."""
        if not self._moves:
            return end - start
        count = 0
        while start < end:
            run = self.at(tokens[start])
            count += run.n_positions if run else 1
            start += run.n_tokens if run else 1
        return count


def text_length(tokens: Sequence[int], start: int) -> int:
    """How many tokens of the vocabulary come before the next picture, or the end, from `start` on."""
    end = next((index for index in range(start, len(tokens)) if tokens[index] < 0), len(tokens))
    return end - start


def has_picture(tokens: Sequence[int]) -> bool:
    """Whether a picture is among them."""
    return min(tokens, default=0) < 0
