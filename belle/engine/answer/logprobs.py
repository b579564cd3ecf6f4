"""The log probabilities of tokens: log-softmax of the logits as the model gives them, before any sampling setting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from belle.engine.process.events import TokenLogprob


class LogprobReader:
    """Reads them from rows of logits, and keeps those whose text has not been sent yet.

    Args:
        n_top: alternatives to tell for each token.
        piece: the bytes of a token.
    """

    def __init__(self, n_top: int, piece: Callable[[int], bytes]) -> None:
        self._n_top = n_top
        self._piece = piece
        self._unsent: list[TokenLogprob] = []

    def add(self, token: int, logits: NDArray[np.float32]) -> None:
        """`token` was chosen by `logits` `[n_vocab]`."""
        self._unsent.append(self.of(token, logits))

    def take(self) -> tuple[TokenLogprob, ...]:
        """Those added since the last call."""
        tokens = tuple(self._unsent)
        self._unsent.clear()
        return tokens

    def of(self, token: int, logits: NDArray[np.float32] | None) -> TokenLogprob:
        """That of one token; without logits it is not known."""
        piece = tuple(self._piece(token))
        if logits is None:
            return TokenLogprob(token, piece, None)
        most = float(logits.max())
        total = most + float(np.log(np.exp(logits - most, dtype=np.float64).sum()))
        top: tuple[tuple[int, tuple[int, ...], float], ...] = ()
        if self._n_top:
            some = np.argpartition(logits, -self._n_top)[-self._n_top :]
            ordered = sorted(some.tolist(), key=lambda other: (-float(logits[other]), other))
            top = tuple((other, tuple(self._piece(other)), float(logits[other]) - total) for other in ordered)
        return TokenLogprob(token, piece, float(logits[token]) - total, top)
