"""What an error of a token's embedding costs: a stand-in for the second moments of an input.

Embeddings are looked up, not multiplied, but the first block multiplies them at once: with its norm in between, their
errors reach the outputs of its first matrices. So they are rounded as one more layer before these matrices, whose
weights say which errors matter, and every row (a token) is rounded for itself. A part of the error stays in the
residual stream and is read by all blocks; for this part all directions count alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from convert.quantize.formats import Floats
from convert.quantize.hessian import Moments
from convert.rows.source import RowSource

RESIDUAL_READERS = ("attn_q", "attn_k", "attn_v", "attn_qkv", "ffn_gate", "ffn_up")
"""Matrices of a block that read the residual stream, by their names in GGUF."""

_RESIDUAL_SHARE = 0.25
"""Trace of the part for which all directions count alike, where the part of the first block's matrices has trace 1."""

_ROWS_AT_ONCE = 4096


def embedding_moments(
    embeddings: RowSource, tokens: Sequence[int], readers: Mapping[str, RowSource], inputs: Mapping[str, Moments]
) -> Moments:
    """The moments that embeddings are rounded with: Σ (WS)ᵀ(WS) over the first block's matrices W, and a share of I.

    Args:
        embeddings: `[tokens, columns]`.
        tokens: the calibration text.
        readers: the first block's matrices that read the residual stream.
        inputs: moments of their inputs, by the same names.
    """
    columns = embeddings.row_length
    looked_up = np.zeros(columns)  # Σ of the squares of what the text looks up, by column
    for token, count in zip(*np.unique(np.asarray(tokens), return_counts=True), strict=True):
        row = embeddings.float_rows(int(token), int(token) + 1)[0].astype(np.float64)
        looked_up += count * np.square(row)
    result = Moments(columns)
    for name, matrix in readers.items():
        # S: by how much the norm in between scales each column, from the squares before and after it.
        scale = np.sqrt(np.diag(inputs[name].sum) / np.maximum(looked_up, 1e-30))
        product = np.zeros((columns, columns), np.float32)  # (WS)ᵀ(WS)
        for start in range(0, matrix.n_rows, _ROWS_AT_ONCE):
            rows = matrix.float_rows(start, min(start + _ROWS_AT_ONCE, matrix.n_rows)) * scale.astype(np.float32)
            product += rows.T @ rows
        result.sum += _normed(product)
    result.sum = _normed(result.sum) + np.float32(_RESIDUAL_SHARE / columns) * np.eye(columns, dtype=np.float32)
    return result


def _normed(matrix: Floats) -> Floats:
    """The matrix with trace 1, so that every reader counts alike."""
    trace = float(np.trace(matrix))
    return matrix / np.float32(trace) if trace > 0 else matrix
