"""GPTQ codes as GGUF blocks: the codes are copied, never rounded again.

A GPTQ weight is `s * (q - z)`: scale s and zero z per group of input columns, code q per weight. Each function here
takes rows of codes with the scale and zero of every run of 32 columns and returns the bytes of one GGUF type, whose
dequantized values are `s * (q - z)` bit for bit in float32, provided that the scales are float16 numbers.

`e` is the number that a block stores. Layouts: block_q4_0, block_q5_0, block_q8_0, block_q4_K in ggml-common.h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RUN = 32
"""Columns that share a scale in the small block types."""

SUPER = 256
"""Columns of a K-quant superblock."""

Codes = NDArray[np.integer]

Bytes = NDArray[np.uint8]


def q4_0(codes: Codes, scales: NDArray[np.float16], zeros: Codes) -> Bytes:
    """Value `d * (e - 8)`; needs `q - z` in -8…7.

    Args:
        codes: `[rows, in_features]`.
        scales, zeros: `[rows, in_features / 32]`.

    Returns:
        `[rows, in_features / 32 * 18]`.
    """
    elements = _shifted(codes, zeros, 8)
    return _joined(scales, _nibbles(elements))


def q4_0_of_pairs(pairs: Bytes, scales: NDArray[np.float16]) -> Bytes:
    """`q4_0` of codes whose zeros are all 8, without unpacking them.

    Args:
        pairs: `[rows, in_features / 2]`, see `word_packing.row_pairs`.
        scales: `[rows, in_features / 32]`.
    """
    # GPTQ has columns 2i and 2i + 1 in one byte, Q4_0 columns i and i + 16. Eight bytes are handled at a time, as one
    # integer `[rows, runs]`: `first` holds columns 0…15 of a run, `second` columns 16…31.
    first, second = np.moveaxis(np.ascontiguousarray(pairs).view("<u8").reshape(*scales.shape, 2), -1, 0)
    low, four = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(4)
    # The even columns of both halves, then the odd ones, are paired as Q4_0 pairs them.
    even = second & low
    even <<= four
    even |= first & low
    odd = (first >> four) & low
    odd |= second & ~low
    # Interleave the bytes: even columns in the low byte of every 16-bit word, odd ones in the high byte.
    nibbles = odd.view(np.uint8).astype("<u2")
    nibbles <<= np.uint16(8)
    nibbles |= even.view(np.uint8)
    return _joined(scales, nibbles.view(np.uint8).reshape(*scales.shape, 16))


def q5_0(codes: Codes, scales: NDArray[np.float16], zeros: Codes) -> Bytes:
    """Value `d * (e - 16)`; holds every 4-bit code with any zero in 0…16. `[rows, in_features / 32 * 22]`."""
    elements = _shifted(codes, zeros, 16)
    fifth = np.packbits(elements >> 4, axis=-1, bitorder="little")  # [rows, runs, 4]
    return _joined(scales, fifth, _nibbles(elements & 15))


def q8_0(codes: Codes, scales: NDArray[np.float16], zeros: Codes) -> Bytes:
    """Value `d * e`, e in -128…127. `[rows, in_features / 32 * 34]`."""
    elements = _shifted(codes, zeros, 0).view(np.uint8)
    return _joined(scales, elements)


def q8_0_hybrid(codes: Codes, scales: NDArray[np.float32], zeros: Codes) -> Bytes:
    """Asymmetric 8-bit codes: exact in every block whose `q - z` fit into 8 bits, rounded again in the others.

    No GGUF type has both 8 bits and an offset. Scales are `[rows, in_features / 32]` float32.
    """
    rows, n_runs = zeros.shape
    shifted = codes.reshape(rows, n_runs, RUN).astype(np.int16) - zeros.astype(np.int16)[..., None]
    fits = (shifted.min(axis=-1) >= -128) & (shifted.max(axis=-1) <= 127)
    weights = shifted * scales[..., None]
    widest = (np.abs(weights).max(axis=-1) / 127).astype(np.float16)
    d = np.where(fits, scales.astype(np.float16), widest)
    with np.errstate(divide="ignore", invalid="ignore"):
        rounded = np.where(d[..., None] != 0, np.rint(weights / d[..., None].astype(np.float32)), 0)
    elements = np.where(fits[..., None], shifted, np.clip(rounded, -128, 127)).astype(np.int8)
    return _joined(d, elements.view(np.uint8))


def q4_k_uniform(codes: Codes, scales: NDArray[np.float16], zeros: Codes) -> Bytes:
    """Value `d * 1 * q - d * z`, for scales and zeros that are constant over 256 columns: exact in Q4_K.

    Args:
        codes: `[rows, in_features]`, 4 bits.
        scales, zeros: `[rows, in_features / 256]`.

    Returns:
        `[rows, in_features / 256 * 144]`.
    """
    ones = np.ones((*scales.shape, 8), np.uint8)
    minima = np.repeat(zeros.astype(np.uint8)[..., None], 8, axis=-1)
    return q4_k(codes, scales, scales, ones, minima)


def q4_k(codes: Codes, d: NDArray[np.float16], dmin: NDArray[np.float16], scales: Bytes, minima: Bytes) -> Bytes:
    """Value `d * scale * q - dmin * minimum`, 6-bit scale and minimum for every 32 columns of a superblock.

    Args:
        codes: `[rows, in_features]`, 4 bits.
        d, dmin: `[rows, in_features / 256]`.
        scales, minima: `[rows, in_features / 256, 8]`, 0…63.
    """
    rows, n_super = d.shape
    # Runs 2i and 2i + 1 share 32 bytes, the first in the low nibbles.
    chunks = codes.astype(np.uint8, copy=False).reshape(rows, n_super, 4, 2, RUN)
    nibbles = (chunks[..., 0, :] | chunks[..., 1, :] << 4).reshape(rows, n_super, 128)
    # 6-bit scales and minima in 12 bytes: runs 0…3 in the low bits of bytes 0…3 and 4…7; of runs 4…7 the low four bits
    # in bytes 8…11 (minima in the high nibble), the high two bits in the top of bytes 0…7.
    packed = np.empty((rows, n_super, 12), np.uint8)
    packed[..., 0:4] = scales[..., 0:4] | (scales[..., 4:8] >> 4) << 6
    packed[..., 4:8] = minima[..., 0:4] | (minima[..., 4:8] >> 4) << 6
    packed[..., 8:12] = (scales[..., 4:8] & 15) | (minima[..., 4:8] & 15) << 4
    heads = np.stack((d, dmin), axis=-1).astype(np.float16).view(np.uint8)
    blocks: Bytes = np.concatenate((heads, packed, nibbles), axis=-1)
    return blocks.reshape(rows, n_super * 144)


def _shifted(codes: Codes, zeros: Codes, offset: int) -> NDArray[np.int8]:
    """`q - z + offset`, `[rows, runs, 32]`; it must fit into 8 bits."""
    rows, n_runs = zeros.shape
    runs = codes.astype(np.uint8, copy=False).reshape(rows, n_runs, RUN)
    # Modulo 256 in uint8: the result fits, so the overflow on the way cancels, in a quarter of int32's memory.
    shift = (offset - zeros.astype(np.int16)).astype(np.uint8)
    return (runs + shift[..., None]).view(np.int8)


def _nibbles(elements: NDArray[np.int8]) -> Bytes:
    """Elements i and i + 16 in one byte, the first in the low half: `[rows, runs, 32]` to `[rows, runs, 16]`."""
    unsigned: Bytes = elements.view(np.uint8)
    return unsigned[..., :16] | (unsigned[..., 16:] << np.uint8(4))


def _joined(scales: NDArray[np.float16], *parts: Bytes) -> Bytes:
    """Whole blocks: the scale, then the bytes of every part `[rows, runs, bytes]`."""
    # As records: numpy copies each field as one value, ten times as fast as np.concatenate copies its few bytes.
    pieces = [np.ascontiguousarray(scales, np.float16).view(np.uint8).reshape(*scales.shape, 2), *parts]
    fields = [(f"part {i}", f"V{piece.shape[-1]}") for i, piece in enumerate(pieces)]
    blocks = np.empty(scales.shape, fields)
    for (name, kind), piece in zip(fields, pieces, strict=True):
        blocks[name] = np.ascontiguousarray(piece).view(kind)[..., 0]
    return blocks.view(np.uint8).reshape(len(blocks), -1)


LEVELS = 63
"""Largest 6-bit scale or minimum of Q4_K."""


def common_divisor(values: NDArray[np.float32]) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """A float16 divisor and 6-bit quotients with the least squared error, for each row of non-negative `values`.

    With it asymmetric 4-bit GPTQ becomes Q4_K at 4.5 bits: the codes stay, scales and minima are approximated. Q4_K has
    one float16 `d` and `dmin` for 256 columns and 6-bit integers for every 32, GPTQ a float16 scale and an integer zero
    for each group of (usually) 64 or 128 columns. So `s_j ≈ d * sc_j` and `s_j * z_j ≈ dmin * mn_j` for the two to four
    groups of a superblock.

    The largest value is divided by every possible quotient (1 … 63), and each divisor is improved by least squares.

    Args:
        values: `[n, k]`, the numbers that share a divisor.

    Returns:
        divisors `[n]` and quotients `[n, k]` in 0…63.
    """
    largest = values.max(axis=1)
    best = np.zeros(len(values), np.float16)
    quotients = np.zeros(values.shape, np.uint8)
    least = np.full(len(values), np.inf, np.float32)
    for anchor in range(1, LEVELS + 1):
        trial = (largest / anchor).astype(np.float16)
        counts = _quotients(values, trial)
        weight = np.square(counts).sum(axis=1)
        refined = ((values * counts).sum(axis=1) / np.maximum(weight, 1)).astype(np.float16)
        for divisor in (trial, refined):
            error = np.square(values - divisor.astype(np.float32)[:, None] * counts).sum(axis=1)
            better = error < least
            least[better] = error[better]
            best[better] = divisor[better]
            quotients[better] = counts[better]
    return best, quotients


def _quotients(values: NDArray[np.float32], divisors: NDArray[np.float16]) -> NDArray[np.float32]:
    wide = divisors.astype(np.float32)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        counts = np.where(wide > 0, np.rint(values / wide), 0)
    return np.clip(counts, 0, LEVELS).astype(np.float32)
