"""What measuring asks of a model, whatever runs it: rows of logits for the positions of a window that count.

A vocabulary of 250,880 tokens makes one row a megabyte and one window a quarter of a gigabyte. So rows come in chunks,
as views of the runtime's own memory, and are gone when the next chunk is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.windows import Window

Rows = NDArray[np.float32]

_CHUNK_BYTES = 52_500_000
# llama.cpp's attention on the processor adds up in float16 for fewer rows: with 8-bit activations behind it, the logits
# of a quantized model then move by a tenth. In whole tiles a window in chunks gives the logits of a whole window.
_TILE = 64


@dataclass(slots=True)
class Speed:
    """What a model took so far: tokens read in windows, seconds for them, bytes of memory it added to the process."""

    prefill_tokens: int = 0
    prefill_s: float = 0.0
    memory: int = 0


class LogitSource(Protocol):
    """A loaded model.

    Attributes:
        name: how messages call it.
        n_vocab: columns of its logits.
        speed: counted while it works.
    """

    name: str
    n_vocab: int
    speed: Speed

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """The logits after each of `window.ids[first:-1]`, in chunks `[≤ step, n_vocab]`.

        A chunk is valid until the next is asked for. Sources may be asked in turn, never at the same time.
        Raises KnownError("backend_error").
        """

    def decode_speed(self) -> float | None:
        """Tokens per second when one follows the other; None when this was not measured."""

    def close(self) -> None:
        """Free the memory."""


def chunk_rows(n_vocab: int) -> int:
    """How many rows make a chunk: as many as memory is set aside for, in whole tiles, and one tile at least."""
    return max(1, _CHUNK_BYTES // (4 * n_vocab * _TILE)) * _TILE
