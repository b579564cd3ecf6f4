"""Buffers that a thread reuses: allocating new ones for each slice would take longer than rounding does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Scratch:
    """The buffers of one thread."""

    def __init__(self) -> None:
        self._buffers: dict[str, NDArray[Any]] = {}

    def take(self, use: str, dtype: type[np.generic], n: int) -> NDArray[Any]:
        """An uninitialized array of `n` values for `use`; each call reuses the memory of the one before."""
        buffer = self._buffers.get(use)
        if buffer is None or buffer.size < n or buffer.dtype != dtype:
            buffer = self._buffers[use] = np.empty(n, dtype)
        return buffer[:n]
