"""Packing and unpacking integer codes in the 32-bit words of GPTQ and AWQ tensors.

GPTQ packs `bits`-wide codes as one little-endian bit stream along an axis: code i occupies bits `i*bits …` of the
words laid end to end. For 3 bits codes cross word borders: three words hold 10 codes, one split, 10, one split, 10. AWQ
packs eight 4-bit codes into a word in another order.

Source: the formats that the packing loops of GPTQ-for-LLaMa, AutoGPTQ and AutoAWQ write.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""`AWQ_ORDER[i]` is the column, within its eight, of the code at bits 4i … 4i + 3 of an AWQ word."""

# Words in which every code is 1, for one period of the packing. GPTQModel writes version 1 by subtracting these from
# whole words, where a code of 0 borrows from its neighbour. Adding them back modulo 2^32 is the exact inverse.
_ONES = {
    2: (0x55555555,),
    3: (0x49249249, 0x92492492, 0x24924924),
    4: (0x11111111,),
    8: (0x01010101,),
}


def unpack(words: NDArray[np.int32], bits: int) -> NDArray[np.uint8]:
    """Codes packed along axis 0: `[n * bits / 32, columns]` words to `[n, columns]` codes."""
    stream = words.view(np.uint32)
    n_codes = stream.shape[0] * 32 // bits
    codes = np.empty((n_codes, stream.shape[1]), np.uint8)
    mask = np.uint32((1 << bits) - 1)
    # After `period` codes the pattern of bits repeats; all codes at one place of the period are cut out at once.
    period = 32 if bits == 3 else 32 // bits
    words_per_period = period * bits // 32
    for i in range(period):
        word, shift = divmod(i * bits, 32)
        value = stream[word::words_per_period] >> np.uint32(shift)
        if shift + bits > 32:  # the rest of the code is in the next word
            value = value | (stream[word + 1 :: words_per_period] << np.uint32(32 - shift))
        codes[i::period] = (value & mask).astype(np.uint8)
    return codes


def row_pairs(words: NDArray[np.int32]) -> NDArray[np.uint8]:
    """4-bit codes packed along axis 0, transposed: `[n / 8, columns]` words to `[columns, n / 2]` bytes of two codes.

    The first of the two is in the low half. Transposing words moves an eighth of the elements that codes would be.
    """
    return np.ascontiguousarray(words.T).astype("<i4", copy=False).view(np.uint8)


def unpack_pairs(pairs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The codes of `row_pairs`, `[columns, n]`."""
    codes = np.empty((len(pairs), 2 * pairs.shape[1]), np.uint8)
    np.bitwise_and(pairs, 15, out=codes[:, 0::2])
    np.right_shift(pairs, 4, out=codes[:, 1::2])
    return codes


def pack(codes: NDArray[np.uint8], bits: int) -> NDArray[np.int32]:
    """The inverse of `unpack`."""
    period = 32 if bits == 3 else 32 // bits
    words_per_period = period * bits // 32
    words = np.zeros((codes.shape[0] * bits // 32, codes.shape[1]), np.uint32)
    for i in range(period):
        word, shift = divmod(i * bits, 32)
        value = codes[i::period].astype(np.uint32)
        words[word::words_per_period] |= value << np.uint32(shift)
        if shift + bits > 32:
            words[word + 1 :: words_per_period] |= value >> np.uint32(32 - shift)
    return words.view(np.int32)


def add_one_to_words(words: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    """Add 1 to every code of words packed along axis 1 (`[rows, words]`), word by word modulo 2^32."""
    ones = np.array(_ONES[bits], np.uint32)
    n_words = words.shape[1]
    pattern = np.resize(ones, n_words)
    return (words.view(np.uint32) + pattern).view(np.int32)


def unpack_awq(words: NDArray[np.int32]) -> NDArray[np.uint8]:
    """4-bit codes packed along axis 1 in AWQ's order: `[rows, n / 8]` words to `[rows, n]` codes."""
    stream = words.view(np.uint32)
    codes = np.empty((stream.shape[0], stream.shape[1] * 8), np.uint8)
    for i, column in enumerate(AWQ_ORDER):
        codes[:, column::8] = ((stream >> np.uint32(4 * i)) & np.uint32(15)).astype(np.uint8)
    return codes


def pack_awq(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The inverse of `unpack_awq`."""
    words = np.zeros((codes.shape[0], codes.shape[1] // 8), np.uint32)
    for i, column in enumerate(AWQ_ORDER):
        words |= codes[:, column::8].astype(np.uint32) << np.uint32(4 * i)
    return words.view(np.int32)
