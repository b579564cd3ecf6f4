"""Buffers that one thread uses again and again: asking the system for new ones costs more than rounding does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Scratch:
    """The buffers of one thread."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}

    def take(self, use: str, dtype: type[np.generic], n: int) -> NDArray[Any]:
        """An array of `n` values for `use`, with anything in it; the same memory each time."""
        held = self._buffers.get(use)
        if held is None or held.size < n or held.dtype != dtype:
            held = self._buffers[use] = np.empty(n, dtype)
        return held[:n]
