"""Q8_0 in numpy: the same bytes as ggml's quantizer, three times as fast.

ggml's own function handles one value at a time, which makes an 8-bit file slower to compute than a 16-bit file is to
write. Here every step runs over many blocks at once with vector instructions, in pieces that stay in the cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.output.scratch import Scratch

BLOCK = 32
BLOCK_BYTES = 34
_PIECE = 1 << 17


def quantize(values: NDArray[np.float32], out: NDArray[np.uint8], scratch: Scratch) -> None:
    """Write contiguous `values` `[n]` as `n / 32` blocks into `out`.

    Every value must be a number that float16 holds: with smaller scales the reciprocal below would overflow.
    """
    blocks = out.reshape(-1, BLOCK_BYTES)
    for start in range(0, values.size, _PIECE):
        piece = values[start : start + _PIECE]
        _piece(piece.reshape(-1, BLOCK), blocks[start // BLOCK : (start + piece.size) // BLOCK], scratch)


def _piece(values: NDArray[np.float32], blocks: NDArray[np.uint8], scratch: Scratch) -> None:
    scale = _largest(values, scratch) / np.float32(127)
    blocks[:, :2] = scale.astype(np.float16)[:, None].view(np.uint8)
    # Rounding half away from zero, as C's roundf does: q = (trunc(2x) + 1) >> 1, or trunc(2x) >> 1 below zero.
    # Doubling is exact, so is everything after the multiplication.
    twice = np.divide(np.float32(2), scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = scratch.take("q8 scaled", np.float32, values.size).reshape(values.shape)
    np.multiply(values, twice[:, None], out=scaled)
    codes = scratch.take("q8 codes", np.int16, values.size).reshape(values.shape)
    np.copyto(codes, scaled, casting="unsafe")
    signs = scratch.take("q8 signs", np.int16, values.size).reshape(values.shape)
    np.right_shift(codes, 15, out=signs)
    np.add(codes, signs, out=codes)
    np.add(codes, 1, out=codes)
    np.right_shift(codes, 1, out=codes)
    np.copyto(blocks[:, 2:].view(np.int8), codes, casting="unsafe")


def _largest(values: NDArray[np.float32], scratch: Scratch) -> NDArray[np.float32]:
    """The largest magnitude of every block.

    The array is folded onto itself at distances 16, 8, 4, 2 and 1: then the first value of each block is its maximum.
    Five passes over everything, and still thrice as fast as numpy's maximum over short rows.
    """
    n = values.size
    one, other = scratch.take("q8 scaled", np.float32, n), scratch.take("q8 fold", np.float32, n)
    np.abs(values.reshape(-1), out=one)
    for distance in (16, 8, 4, 2, 1):
        n -= distance
        np.maximum(one[:n], one[distance : n + distance], out=other[:n])
        one, other = other, one
    return one[:n:BLOCK]
