"""The scales that rounding begins with: ggml's, searched with the importance of the columns; for Q4_0 our own search.

ggml tries many scales for most types and weighs every column. For Q4_0 it tries few, so many are tried here, of both
signs: the codes −8 … 7 reach one step further on one side of zero, and the sign of d chooses the side.
"""

from __future__ import annotations

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType

from belle.gguf import ggml
from belle.gguf.types import row_bytes
from convert.quantize.formats import BlockFormat, Blocks, Bytes, Floats, unpack
from convert.quantize.hessian import Hessian

_SHARES = (0.55, 1.1)
"""Range of the tried scales of Q4_0, as shares of the one that puts the largest weight on the outermost code."""

_TRIED = 24


def quantized(kind: GGMLType, weights: Floats, importance: Floats | None) -> Bytes:
    """ggml's blocks `[rows, bytes per row]` for `weights` `[rows, columns]`."""
    rows = np.ascontiguousarray(weights, np.float32)
    out = np.empty((len(rows), row_bytes(kind, rows.shape[1])), np.uint8)
    ggml.quantize(kind, rows, out.reshape(-1), importance)
    return out


def first_blocks(kind: BlockFormat, weights: Floats, metric: Hessian) -> Blocks:
    """The blocks for `weights` `[rows, columns]` whose scales rounding begins with."""
    if kind.type is GGMLType.Q4_0:
        return _search(kind, weights, metric.feedback_importance())
    return unpack(kind, quantized(kind.type, weights, metric.importance()))


def _search(kind: BlockFormat, weights: Floats, importance: Floats) -> Blocks:
    """For every group the d with the least weighted square error, of `_TRIED` sizes and both signs."""
    n_rows = len(weights)
    groups = weights.reshape(n_rows, -1, kind.group)  # [rows, groups, columns of a group]
    weigh = importance.reshape(-1, kind.group)  # [groups, columns of a group]
    largest = np.abs(groups).argmax(axis=2, keepdims=True)
    outermost = np.take_along_axis(groups, largest, axis=2)[:, :, 0]  # with its sign
    low, high = kind.lowest - kind.zero, kind.highest - kind.zero
    best = np.full(outermost.shape, np.inf, np.float32)
    d = np.zeros(outermost.shape, np.float32)
    for share in np.linspace(*_SHARES, _TRIED, dtype=np.float32):
        for side in (low, -low):
            codes = _codes(groups, outermost * (share / np.float32(side)), low, high)
            # Least squares: for these codes the best d is Σ i·q·w / Σ i·q², then as f16 stores it.
            weighed = codes * weigh
            curve = np.einsum("rgc,rgc->rg", weighed, codes)
            slope = np.einsum("rgc,rgc->rg", weighed, groups)
            fitted = np.divide(slope, curve, out=np.zeros_like(slope), where=curve > 0)
            fitted = fitted.astype(np.float16).astype(np.float32)
            error = groups - codes * fitted[:, :, None]
            loss = np.einsum("rgc,rgc,gc->rg", error, error, weigh)
            better = loss < best
            best[better], d[better] = loss[better], fitted[better]
    codes = _codes(groups, d, low, high) + kind.zero
    return Blocks(codes.astype(np.uint8).reshape(n_rows, -1), d.astype(np.float16))


def _codes(groups: Floats, d: Floats, low: int, high: int) -> Floats:
    inverse = np.divide(np.float32(1), d, out=np.zeros_like(d), where=d != 0)
    return np.asarray(np.clip(np.rint(groups * inverse[:, :, None]), low, high), np.float32)
