"""How much the errors of a matrix matter: its inputs' second moments, prepared for rounding.

The square error of a layer's output is tr(E H Eᵀ) for an error E of its weights, with H = Σ xxᵀ over all inputs x that
the calibration text gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.activations import Rows
from convert.quantize.formats import Floats
from convert.rows.source import RowSource

DAMPING = 0.01
"""Added to the diagonal, as a share of its mean: the text is a sample only, and float32 is float32."""

CORRECTED = 0.75
"""Share of the errors of earlier blocks that a matrix makes good for."""

ROWS_PER_COLUMN = 64
"""Inputs per column from which on it does: of fewer the regression behind it learns the sample and not the model. On
the starter model with 5 to 14 it made Q4_0 as bad as plain rounding; with 96 the chat model gains a third."""


def to_be_corrected(n_rows: int, columns: int) -> bool:
    """Whether `n_rows` inputs are enough for a matrix to make good for the errors of earlier blocks."""
    return n_rows >= ROWS_PER_COLUMN * columns


class Moments:
    """Sums over all inputs x that a matrix gets in the model being rounded, `[columns, columns]` each.

    Attributes:
        sum: Σ xxᵀ.
        drift: Σ x(y − x)ᵀ, where y is what the original model has in the place of x.
        n_rows: inputs summed over.
    """

    def __init__(self, columns: int) -> None:
        self.sum = np.zeros((columns, columns), np.float32)
        self.drift = np.zeros((columns, columns), np.float32)
        self.n_rows = 0

    def add(self, rows: Rows, original: Rows | None = None) -> None:
        """Take in inputs `[n, columns]`, and what the original model has for them where that is another."""
        self.sum += rows.T @ rows
        if original is not None:
            self.drift += rows.T @ (original - rows)
        self.n_rows += len(rows)


@dataclass(frozen=True)
class Hessian:
    """The moments as rounding needs them.

    Attributes:
        moments: H with its diagonal raised, `[columns, columns]`.
        raised: by how much.
        order: columns, the most important first.
        factor: upper triangular U with UᵀU = H⁻¹, rows and columns in that order.
        correction: the matrix A, so that weights W + AW (transposed, `[columns, rows]`) come nearest to giving for the
            inputs here what W gives for the original model's; None for none.
    """

    moments: Floats
    raised: float
    order: NDArray[np.intp]
    factor: Floats
    correction: Floats | None = None

    def corrected(self, weights: Floats) -> Floats:
        """What is to be rounded in the place of `weights` `[columns, rows]`."""
        return weights if self.correction is None else weights + self.correction @ weights

    def importance(self) -> Floats:
        """Mean squares of the columns, but for a factor: what an error costs when nothing makes good for it."""
        return np.ascontiguousarray(np.diag(self.moments))

    def feedback_importance(self) -> Floats:
        """What an error of each column costs when all columns after it, in this order, make good for it."""
        result = np.empty(len(self.order), np.float32)
        result[self.order] = 1 / np.square(np.diag(self.factor))
        return result

    def output_error(self, error: Floats) -> Floats:
        """Square error of every row of the output, for errors `[columns, rows]` of the weights."""
        squares = np.einsum("cr,cr->r", self.moments @ error, error)
        plain = np.einsum("cr,cr->r", error, error)
        return np.asarray(np.maximum(squares - np.float32(self.raised) * plain, 0), np.float32)


def prepare(moments: Moments, damping: float = DAMPING) -> Hessian:
    """Raise the diagonal by `damping` times its mean, and factor the inverse.

    A column that was never used gets the weight 1. Weights are corrected for what the rounding so far has done to their
    inputs, as in GPTAQ (Li et al., arXiv 2504.02692), but for a share of it only: all of it would fit the sample.
    """
    matrix = moments.sum.astype(np.float64)
    diagonal = np.einsum("ii->i", matrix)
    diagonal[diagonal <= 0] = 1.0
    raised = damping * float(diagonal.mean())
    diagonal += raised
    order = np.argsort(-diagonal, kind="stable")
    # H = RRᵀ with R upper triangular is the Cholesky factorization from the last row up, and U = R⁻¹.
    backwards = order[::-1]
    lower = np.linalg.cholesky(matrix[np.ix_(backwards, backwards)])
    factor = np.triu(np.linalg.inv(lower[::-1, ::-1])).astype(np.float32)
    correction = None
    if to_be_corrected(moments.n_rows, len(order)) and moments.drift.any():
        correction = np.empty_like(moments.drift)
        correction[order] = np.float32(CORRECTED) * (factor.T @ (factor @ moments.drift[order]))
    return Hessian(matrix.astype(np.float32), raised, order, factor, correction)


# What an error of a token's embedding costs.
#
# Embeddings are looked up, not multiplied, but the first block multiplies them at once: with its norm in between,
# their errors reach the outputs of its first matrices. So they are rounded as one more layer before these, whose
# weights say which errors matter, and every row, a token, is rounded for itself. A part of the error stays in the
# residual stream and is read by all blocks; for it all directions count alike.


RESIDUAL_READERS = ("attn_q", "attn_k", "attn_v", "attn_qkv", "ffn_gate", "ffn_up")
"""Matrices of a block that read the residual stream, by what GGUF calls them."""

_RESIDUAL_SHARE = 0.25
_STEP = 4096


def embedding_moments(
    embeddings: RowSource, tokens: Sequence[int], readers: Mapping[str, RowSource], inputs: Mapping[str, Moments]
) -> Moments:
    """A stand-in for the second moments of an input, in whose metric embeddings are to be rounded.

    Args:
        embeddings: `[tokens, columns]`.
        tokens: the calibration text.
        readers: the first block's matrices that read the residual stream.
        inputs: moments of their inputs, by the same names.
    """
    columns = embeddings.row_length
    looked_up = np.zeros(columns)
    for token, count in zip(*np.unique(np.asarray(tokens), return_counts=True), strict=True):
        row = embeddings.float_rows(int(token), int(token) + 1)[0].astype(np.float64)
        looked_up += count * np.square(row)
    result = Moments(columns)
    for name, matrix in readers.items():
        # The norm between, as far as it scales the columns.
        scale = np.sqrt(np.diag(inputs[name].sum) / np.maximum(looked_up, 1e-30))
        product = np.zeros((columns, columns), np.float32)
        for start in range(0, matrix.n_rows, _STEP):
            rows = matrix.float_rows(start, min(start + _STEP, matrix.n_rows)) * scale.astype(np.float32)
            product += rows.T @ rows
        result.sum += _normed(product)
    result.sum = _normed(result.sum) + np.float32(_RESIDUAL_SHARE / columns) * np.eye(columns, dtype=np.float32)
    return result


def _normed(matrix: Floats) -> Floats:
    trace = float(np.trace(matrix))
    return matrix / np.float32(trace) if trace > 0 else matrix
