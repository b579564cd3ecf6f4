"""Which tokens are scored: a text cut into windows, as llama.cpp's perplexity tool does it.

A window is read with an empty cache; only the predictions in its second half are scored, so that each of them has some
text before it. Numbers of different programs can be compared only when they agree on this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from belle.errors import KnownError

N_CTX = 512
"""Default tokens of a window."""


@dataclass(frozen=True, slots=True)
class EvaluationText:
    """The text that is read, and the name that reports call it by."""

    name: str
    content: str

    @property
    def sha256(self) -> str:
        """Of its UTF-8 bytes, in hexadecimal."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def n_bytes(self) -> int:
        """Its length in UTF-8."""
        return len(self.content.encode())


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a text is cut.

    Attributes:
        n_ctx: tokens of a window.
        stride: 0 for windows that follow each other; else a window begins every `stride` tokens and its last `stride`
            predictions are scored. (llama-perplexity lengthens such windows by half a stride: its `-c N --ppl-stride S`
            is `n_ctx = N + S / 2` here.)
        chunks: windows to read at most, 0 for all.
    """

    n_ctx: int = N_CTX
    stride: int = 0
    chunks: int = 0

    def __post_init__(self) -> None:
        if self.n_ctx < 8 or self.n_ctx % 2:
            raise KnownError(
                "bad_option", f"A window of {self.n_ctx} tokens cannot be used.", "Take an even number ≥ 8."
            )
        if not 0 <= self.stride < self.n_ctx:
            raise KnownError(
                "bad_option",
                f"A stride of {self.stride} does not fit windows of {self.n_ctx} tokens.",
                "Take less than the window.",
            )
        if self.chunks < 0:
            raise KnownError("bad_option", f"{self.chunks} windows cannot be read.", "Take 0 for all of them.")

    @property
    def first(self) -> int:
        """The first position of a window whose prediction is scored."""
        return self.n_ctx - self.stride - 1 if self.stride else self.n_ctx // 2

    @property
    def n_scored(self) -> int:
        """Predictions scored per window: 255 of 512."""
        return self.n_ctx - 1 - self.first


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of the text.

    Attributes:
        start: where it begins in the tokens of the text.
        ids: `[n_ctx]` as the model reads them; the first is BOS where the model wants one.
        first: the prediction after `ids[first]` is the first that is scored; the last is the one after `ids[-2]`.
    """

    start: int
    ids: Sequence[int]
    first: int

    @property
    def targets(self) -> Sequence[int]:
        """The tokens to be predicted, `[n_scored]`."""
        return self.ids[self.first + 1 :]


def cut(tokens: Sequence[int], protocol: Protocol, bos: int | None) -> list[Window]:
    """The windows of a text.

    Args:
        tokens: the text, beginning with BOS where the model wants one.
        bos: replaces the first token of every window; None to keep that.

    Raises KnownError("text_too_short") for fewer than two windows, as llama-perplexity does.
    """
    n_ctx = protocol.n_ctx
    if len(tokens) < 2 * n_ctx:
        raise KnownError(
            "text_too_short",
            f"The text has {len(tokens)} tokens, fewer than two windows of {n_ctx}.",
            "Give more text (a few hundred kilobytes are usual), or smaller windows with --ctx.",
            tokens=len(tokens),
            n_ctx=n_ctx,
        )
    starts = range(0, len(tokens) - n_ctx + (0 if protocol.stride else 1), protocol.stride or n_ctx)
    if protocol.chunks:
        starts = starts[: protocol.chunks]
    windows = []
    for start in starts:
        ids = list(tokens[start : start + n_ctx])
        if bos is not None:
            ids[0] = bos
        windows.append(Window(start, ids, protocol.first))
    return windows
