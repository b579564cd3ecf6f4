"""Quantizes to Q8_0 in numpy: the same bytes as `quantize_row_q8_0_ref` of ggml, three times as fast.

ggml's function handles one value at a time, so that computing an 8-bit file takes longer than writing a 16-bit one.
Here every step runs over many blocks at once with vector instructions, in pieces that stay in the cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.output.scratch import Scratch

BLOCK = 32
BLOCK_BYTES = 34
_PIECE = 1 << 17  # values: 512 KiB of float32


def quantize(values: NDArray[np.float32], out: NDArray[np.uint8], scratch: Scratch) -> None:
    """Write contiguous `values` `[n]` as `n / 32` blocks into `out`.

    Every value must be one that float16 holds: with smaller scales the reciprocal below would overflow.
    """
    blocks = out.reshape(-1, BLOCK_BYTES)
    for start in range(0, values.size, _PIECE):
        piece = values[start : start + _PIECE]
        _piece(piece.reshape(-1, BLOCK), blocks[start // BLOCK : (start + piece.size) // BLOCK], scratch)


def _piece(values: NDArray[np.float32], blocks: NDArray[np.uint8], scratch: Scratch) -> None:
    scale = _largest(values, scratch) / np.float32(127)  # [blocks]
    blocks[:, :2] = scale.astype(np.float16)[:, None].view(np.uint8)
    # Rounds half away from zero, as C's roundf does (numpy's rint rounds half to even). With x = value / scale it is
    # q = (trunc(2x) + 1) >> 1, and for negative x trunc(2x) >> 1. Doubling is exact, and so is all after the
    # multiplication, so the codes are those of ggml, which multiplies by 1 / scale.
    twice = np.divide(np.float32(2), scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = scratch.take("q8 scaled", np.float32, values.size).reshape(values.shape)
    np.multiply(values, twice[:, None], out=scaled)
    codes = scratch.take("q8 codes", np.int16, values.size).reshape(values.shape)
    np.copyto(codes, scaled, casting="unsafe")  # trunc(2x)
    signs = scratch.take("q8 signs", np.int16, values.size).reshape(values.shape)
    np.right_shift(codes, 15, out=signs)  # -1 for negative codes, else 0
    np.add(codes, signs, out=codes)
    np.add(codes, 1, out=codes)
    np.right_shift(codes, 1, out=codes)
    np.copyto(blocks[:, 2:].view(np.int8), codes, casting="unsafe")


def _largest(values: NDArray[np.float32], scratch: Scratch) -> NDArray[np.float32]:
    """The largest magnitude of every block.

    The array is folded onto itself at distances 16, 8, 4, 2 and 1; then the first value of each block is its maximum.
    (The other values are maxima across blocks, and not used.) Five passes over all values, and still three times as
    fast as numpy's maximum over short rows.
    """
    n = values.size
    one, other = scratch.take("q8 scaled", np.float32, n), scratch.take("q8 fold", np.float32, n)
    np.abs(values.reshape(-1), out=one)
    for distance in (16, 8, 4, 2, 1):
        n -= distance
        np.maximum(one[:n], one[distance : n + distance], out=other[:n])
        one, other = other, one
    return one[:n:BLOCK]
