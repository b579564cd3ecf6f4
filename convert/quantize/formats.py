"""ggml's block types for a rounding algorithm: integer codes with scales, unpacked from bytes and packed again.

All types here follow one scheme with different numbers. A row is cut into super-blocks, a super-block into groups. The
value of code q in group g of super-block s is

    d[s] · scale[g] · (q − zero) − dmin[s] · minimum[g]

with `d` and `dmin` in f16 and `scale`, `minimum` small integers. Types without super-blocks have one group in each, of
scale 1; Q4_1 and Q5_1 store −dmin and have the minimum 1; symmetric types have no minimum. Layouts: ggml's
`ggml-common.h`, and `dequantize_row_*` in `ggml-quants.c`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.gguf.types import row_bytes

Codes = NDArray[np.uint8]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BlockFormat:
    """The numbers of one block type.

    Attributes:
        type: the type.
        group: weights that share a scale.
        groups: groups in a super-block.
        lowest, highest: the codes that are used.
        zero: the code that stands for zero (before the minimum).
        scales: smallest and largest integer scale; (1, 1) where there is none.
        minima: largest integer minimum; 0 for a type without, 1 where it is not stored but always 1.
    """

    type: GGMLType
    group: int
    groups: int
    lowest: int
    highest: int
    zero: int
    scales: tuple[int, int] = (1, 1)
    minima: int = 0

    @property
    def span(self) -> int:
        """Weights of a super-block."""
        return self.group * self.groups

    @property
    def has_minimum(self) -> bool:
        """Whether the groups of this type have an offset."""
        return self.minima > 0


FORMATS = {
    kind.type: kind
    for kind in (
        BlockFormat(GGMLType.Q4_0, 32, 1, 0, 15, 8),
        BlockFormat(GGMLType.Q4_1, 32, 1, 0, 15, 0, minima=1),
        BlockFormat(GGMLType.Q5_0, 32, 1, 0, 31, 16),
        BlockFormat(GGMLType.Q5_1, 32, 1, 0, 31, 0, minima=1),
        BlockFormat(GGMLType.Q8_0, 32, 1, 1, 255, 128),
        BlockFormat(GGMLType.Q4_K, 32, 8, 0, 15, 0, (0, 63), 63),
        BlockFormat(GGMLType.Q5_K, 32, 8, 0, 31, 0, (0, 63), 63),
        BlockFormat(GGMLType.Q6_K, 16, 16, 0, 63, 32, (-128, 127)),
    )
}
"""The types that can be rounded to."""


@dataclass(frozen=True)
class Blocks:
    """Codes and scales of some rows.

    Attributes:
        codes: `[rows, columns]`.
        d: `[rows, super-blocks]`, f16.
        dmin: the same, or None for symmetric types.
        scale: `[rows, groups]`, int8; None where all are 1.
        minimum: `[rows, groups]`, uint8; None where there is none or all are 1.
    """

    codes: Codes
    d: NDArray[np.float16]
    dmin: NDArray[np.float16] | None = None
    scale: NDArray[np.int8] | None = None
    minimum: NDArray[np.uint8] | None = None

    def with_codes(self, codes: Codes) -> Blocks:
        """The same scales with other codes."""
        return replace(self, codes=codes)


def unpack(kind: BlockFormat, data: Bytes) -> Blocks:
    """The codes and scales in the bytes of whole rows, `[rows, bytes per row]`."""
    return _LAYOUTS[kind.type][0](kind, data)


def pack(kind: BlockFormat, blocks: Blocks) -> Bytes:
    """The bytes of some rows, `[rows, bytes per row]`."""
    n_rows, columns = blocks.codes.shape
    out = np.empty((n_rows, row_bytes(kind.type, columns)), np.uint8)
    _LAYOUTS[kind.type][1](kind, blocks, out)
    return out


def values(kind: BlockFormat, blocks: Blocks) -> Floats:
    """The weights that the blocks stand for, `[rows, columns]`."""
    step, base = steps(kind, blocks)
    repeat = kind.group
    codes = blocks.codes.astype(np.float32)
    weights: Floats = codes * np.repeat(step, repeat, axis=1) + np.repeat(base, repeat, axis=1)
    return weights


def steps(kind: BlockFormat, blocks: Blocks) -> tuple[Floats, Floats]:
    """Distance between neighbouring codes and value of code 0 of every group, `[rows, groups]` each."""
    step = np.repeat(blocks.d.astype(np.float32), kind.groups, axis=1)
    if blocks.scale is not None:
        step = step * blocks.scale.astype(np.float32)
    base = step * np.float32(-kind.zero)
    if blocks.dmin is not None:
        low = np.repeat(blocks.dmin.astype(np.float32), kind.groups, axis=1)
        base = base - (low if blocks.minimum is None else low * blocks.minimum.astype(np.float32))
    return step, base


_LOW, _NIBBLE, _SIGN = np.uint8(15), np.uint8(4), np.uint8(0x80)


def _split(data: Bytes, block_bytes: int, *sizes: int) -> list[Bytes]:
    """The bytes of every block cut into parts of `sizes`, `[rows, blocks, size]` each."""
    rows = data.reshape(data.shape[0], -1, block_bytes)
    ends = np.cumsum(sizes)
    return [rows[:, :, end - size : end] for end, size in zip(ends.tolist(), sizes, strict=True)]


def _halves(part: Bytes) -> NDArray[np.float16]:
    return np.ascontiguousarray(part).view("<f2")[:, :, 0]


def _bytes(values: NDArray[np.float16]) -> Bytes:
    return np.ascontiguousarray(values, "<f2")[:, :, None].view(np.uint8)


def _high_bits(part: Bytes) -> Codes:
    """Four bytes as 32 bits, the lowest first: `[rows, blocks, 4]` to `[rows, blocks, 32]`."""
    return np.unpackbits(np.ascontiguousarray(part), axis=2, bitorder="little")


def _unpack_simple(kind: BlockFormat, data: Bytes) -> Blocks:
    """Q4_0, Q4_1, Q5_0, Q5_1, Q8_0: d, perhaps m, perhaps a fifth bit, codes."""
    n_rows = len(data)
    head = (2, 2) if kind.has_minimum else (2,)
    fifth = (4,) if kind.highest == 31 else ()
    width = 32 if kind.highest == 255 else 16
    parts = _split(data, sum(head) + sum(fifth) + width, *head, *fifth, width)
    d, stored = _halves(parts[0]), parts[-1]
    dmin = -_halves(parts[1]) if kind.has_minimum else None
    # Q8_0 stores signed numbers; flipping the highest bit adds 128. The others store weight i in the low nibble of byte
    # i and weight i + 16 in its high nibble.
    codes: Codes = stored ^ _SIGN if width == 32 else np.concatenate([stored & _LOW, stored >> _NIBBLE], axis=2)
    if fifth:
        codes |= _high_bits(parts[-2]) << _NIBBLE
    return Blocks(np.ascontiguousarray(codes).reshape(n_rows, -1), d, dmin)


def _pack_simple(kind: BlockFormat, blocks: Blocks, out: Bytes) -> None:
    n_rows = len(out)
    codes = blocks.codes.reshape(n_rows, -1, 32)
    parts = [_bytes(blocks.d)]
    if blocks.dmin is not None:
        parts.append(_bytes(-blocks.dmin))
    if kind.highest == 31:
        parts.append(np.packbits(codes >> _NIBBLE, axis=2, bitorder="little"))
    if kind.highest == 255:
        parts.append(codes ^ _SIGN)
    else:
        parts.append((codes[:, :, :16] & _LOW) | (codes[:, :, 16:] << _NIBBLE))
    out[:] = np.concatenate(parts, axis=2).reshape(n_rows, -1)


def _unpack_k(kind: BlockFormat, data: Bytes) -> Blocks:
    """Q4_K, Q5_K: d, dmin, 6-bit scales and minima, perhaps a fifth bit, codes."""
    n_rows = len(data)
    fifth = (32,) if kind.highest == 31 else ()
    parts = _split(data, 16 + sum(fifth) + 128, 2, 2, 12, *fifth, 128)
    # Four runs of 32 bytes: low nibbles are the weights of group 2i, high nibbles those of group 2i + 1.
    low = parts[-1].reshape(n_rows, -1, 4, 1, 32)
    codes: Codes = np.concatenate([low & _LOW, low >> _NIBBLE], axis=3)
    if fifth:
        # Bit g of byte i is the fifth bit of weight i of group g.
        bits = np.arange(8, dtype=np.uint8).reshape(4, 2, 1)
        codes |= ((parts[3][:, :, None, None, :] >> bits) & np.uint8(1)) << _NIBBLE
    # Eight 6-bit scales and minima in 12 bytes: of groups 0…3 in the low bits of bytes 0…3 (scales) and 4…7 (minima);
    # of groups 4…7 the low four bits in bytes 8…11 (minima in the high nibble), the high two in the top of bytes 0…7.
    s = parts[2]
    a, b, c = s[:, :, :4], s[:, :, 4:8], s[:, :, 8:]
    scale = np.concatenate([a & 63, (c & _LOW) | (a >> 6 << _NIBBLE)], axis=2)
    minimum = np.concatenate([b & 63, (c >> _NIBBLE) | (b >> 6 << _NIBBLE)], axis=2)
    shape = (n_rows, -1)
    return Blocks(
        codes.reshape(shape),
        _halves(parts[0]),
        _halves(parts[1]),
        scale.reshape(shape).astype(np.int8),
        minimum.reshape(shape),
    )


def _pack_k(kind: BlockFormat, blocks: Blocks, out: Bytes) -> None:
    n_rows = len(out)
    assert blocks.scale is not None and blocks.minimum is not None and blocks.dmin is not None
    scale = blocks.scale.astype(np.uint8).reshape(n_rows, -1, 8)
    minimum = blocks.minimum.reshape(n_rows, -1, 8)
    codes = blocks.codes.reshape(n_rows, -1, 4, 2, 32)
    s0, s1, m0, m1 = scale[..., :4], scale[..., 4:], minimum[..., :4], minimum[..., 4:]
    packed = np.concatenate(
        [s0 | (s1 >> _NIBBLE << 6), m0 | (m1 >> _NIBBLE << 6), (s1 & _LOW) | (m1 << _NIBBLE)], axis=2
    )
    parts = [_bytes(blocks.d), _bytes(blocks.dmin), packed]
    if kind.highest == 31:
        bits = np.arange(8, dtype=np.uint8).reshape(4, 2, 1)
        parts.append(np.bitwise_or.reduce((codes >> _NIBBLE) << bits, axis=(2, 3)))
    parts.append(((codes[:, :, :, 0] & _LOW) | (codes[:, :, :, 1] << _NIBBLE)).reshape(n_rows, -1, 128))
    out[:] = np.concatenate(parts, axis=2).reshape(n_rows, -1)


def _unpack_6(_: BlockFormat, data: Bytes) -> Blocks:
    """Q6_K: low four bits, high two bits, signed scales, d. Two halves of 128 weights, each four runs of 32."""
    n_rows = len(data)
    low, high, scale, d = _split(data, 210, 128, 64, 16, 2)
    low = low.reshape(n_rows, -1, 2, 1, 2, 32)  # run r of a half: byte 32 (r % 2) + i, nibble r // 2
    codes: Codes = np.concatenate([low & _LOW, low >> _NIBBLE], axis=3)  # [rows, blocks, half, nibble, r % 2, weight]
    # Byte i of a half holds the high two bits of weight i of run r at bits 2r.
    shifts = np.arange(0, 8, 2, dtype=np.uint8).reshape(2, 2, 1)
    codes |= ((high.reshape(n_rows, -1, 2, 1, 1, 32) >> shifts) & np.uint8(3)) << _NIBBLE
    scales = np.ascontiguousarray(scale).view(np.int8).reshape(n_rows, -1)
    return Blocks(codes.reshape(n_rows, -1), _halves(d), None, scales)


def _pack_6(_: BlockFormat, blocks: Blocks, out: Bytes) -> None:
    n_rows = len(out)
    assert blocks.scale is not None
    codes = blocks.codes.reshape(n_rows, -1, 2, 2, 2, 32)
    low = (codes[:, :, :, 0] & _LOW) | (codes[:, :, :, 1] << _NIBBLE)
    shifts = np.arange(0, 8, 2, dtype=np.uint8).reshape(2, 2, 1)
    high = np.bitwise_or.reduce((codes >> _NIBBLE) << shifts, axis=(3, 4))
    scale = np.ascontiguousarray(blocks.scale).view(np.uint8).reshape(n_rows, -1, 16)
    parts = [low.reshape(n_rows, -1, 128), high.reshape(n_rows, -1, 64), scale, _bytes(blocks.d)]
    out[:] = np.concatenate(parts, axis=2).reshape(n_rows, -1)


_SIMPLE, _K, _6 = (_unpack_simple, _pack_simple), (_unpack_k, _pack_k), (_unpack_6, _pack_6)
_LAYOUTS = dict.fromkeys(FORMATS, _SIMPLE) | {GGMLType.Q4_K: _K, GGMLType.Q5_K: _K, GGMLType.Q6_K: _6}
