"""The interface of a model for measurements: rows of logits for the scored positions of a window.

With a vocabulary of 250,880 tokens one row takes a megabyte and one window a quarter of a gigabyte. So rows come in
chunks, as views of the runtime's own memory, which are valid until the next chunk.
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
# With fewer rows llama.cpp's attention on the CPU accumulates in float16. Activations are rounded to 8 bits after it:
# the logits of a quantized model then change by a tenth. In whole tiles, chunks give the same logits as a whole window.
_TILE = 64


@dataclass(slots=True)
class Speed:
    """What a model used so far: tokens read in windows, seconds for them, bytes of memory added to the process."""

    prefill_tokens: int = 0
    prefill_s: float = 0.0
    memory: int = 0


class LogitSource(Protocol):
    """A loaded model.

    Attributes:
        name: for messages.
        n_vocab: columns of its logits.
        speed: updated while it reads.
    """

    name: str
    n_vocab: int
    speed: Speed

    def rows(self, window: Window, step: int) -> Iterator[Rows]:
        """The logits after each of `window.ids[first:-1]`, in chunks `[≤ step, n_vocab]`.

        A chunk is valid until the next one. Several sources may be read alternately, but not at the same time.
        Raises KnownError("backend_error").
        """

    def decode_speed(self) -> float | None:
        """Tokens per second, one by one; None when this was not measured."""

    def close(self) -> None:
        """Free the memory."""


def chunk_rows(n_vocab: int) -> int:
    """Rows of a chunk: as many as fit into 52.5 MB, in whole tiles, and at least one tile."""
    return max(1, _CHUNK_BYTES // (4 * n_vocab * _TILE)) * _TILE
