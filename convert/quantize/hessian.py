"""The Hessian of a layer's output error: the second moments of its inputs, prepared for rounding.

The square error of a layer's output is tr(E H Eᵀ) for an error E `[rows, columns]` of its weights, with H = Σ xxᵀ over
all inputs x of the calibration text. (GPTQ's Hessian is 2H; the factor changes nothing.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.activations import Rows
from convert.quantize.formats import Floats

DAMPING = 0.01
"""Added to the diagonal, as a share of its mean: the text is only a sample, and H must stay invertible in float32."""

CORRECTED = 0.75
"""Share of the errors of earlier blocks that a matrix compensates for."""

ROWS_PER_COLUMN = 64
"""Inputs per column that this takes: with fewer, the regression fits the sample and not the model. On the starter model
5 to 14 made Q4_0 as bad as plain rounding; with 96 the chat model gains a third."""


def to_be_corrected(n_rows: int, columns: int) -> bool:
    """Whether `n_rows` inputs are enough for a matrix to compensate for the errors of earlier blocks."""
    return n_rows >= ROWS_PER_COLUMN * columns


class Moments:
    """Sums over all inputs x of a matrix in the model being rounded, `[columns, columns]` each.

    Attributes:
        sum: Σ xxᵀ.
        drift: Σ x(y − x)ᵀ, where y is the same input in the original model.
        n_rows: inputs summed over.
    """

    def __init__(self, columns: int) -> None:
        self.sum = np.zeros((columns, columns), np.float32)
        self.drift = np.zeros((columns, columns), np.float32)
        self.n_rows = 0

    def add(self, rows: Rows, original: Rows | None = None) -> None:
        """Add inputs `[n, columns]`, and those of the original model where they differ."""
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
        correction: A `[columns, columns]`, so that W + AW (W is `[columns, rows]`) gives nearly the same for the inputs
            here as W for the original model's; None for no correction.
    """

    moments: Floats
    raised: float
    order: NDArray[np.intp]
    factor: Floats
    correction: Floats | None = None

    def corrected(self, weights: Floats) -> Floats:
        """What is rounded instead of `weights` `[columns, rows]`."""
        return weights if self.correction is None else weights + self.correction @ weights

    def importance(self) -> Floats:
        """Proportional to the columns' mean squares: the cost of an error that no other column compensates for."""
        return np.ascontiguousarray(np.diag(self.moments))

    def feedback_importance(self) -> Floats:
        """The cost of an error of each column that all columns after it, in `order`, compensate for: 1 / U[c, c]²."""
        result = np.empty(len(self.order), np.float32)
        result[self.order] = 1 / np.square(np.diag(self.factor))
        return result

    def output_error(self, error: Floats) -> Floats:
        """Square error of every row of the output, for errors `[columns, rows]` of the weights."""
        # `moments` include the damping, which is not an error of the output, so its part is subtracted.
        squares = np.einsum("cr,cr->r", self.moments @ error, error)
        plain = np.einsum("cr,cr->r", error, error)
        return np.asarray(np.maximum(squares - np.float32(self.raised) * plain, 0), np.float32)


def prepare(moments: Moments, damping: float = DAMPING) -> Hessian:
    """Raise the diagonal by `damping` times its mean, and factor the inverse.

    A column that was never used gets the weight 1. Weights are corrected for what the rounding so far has done to their
    inputs, as in GPTAQ (Li et al., arXiv 2504.02692), but only by the share `CORRECTED`: more would fit the sample.
    """
    matrix = moments.sum.astype(np.float64)
    diagonal = np.einsum("ii->i", matrix)  # a view: what follows changes the matrix
    diagonal[diagonal <= 0] = 1.0
    raised = damping * float(diagonal.mean())
    diagonal += raised
    order = np.argsort(-diagonal, kind="stable")
    # U with UᵀU = H⁻¹ without inverting H: Cholesky gives LLᵀ of H with rows and columns reversed. Reversed again, L is
    # an upper triangular R with RRᵀ = H, and U = R⁻¹.
    backwards = order[::-1]
    lower = np.linalg.cholesky(matrix[np.ix_(backwards, backwards)])
    factor = np.triu(np.linalg.inv(lower[::-1, ::-1])).astype(np.float32)
    correction = None
    if to_be_corrected(moments.n_rows, len(order)) and moments.drift.any():
        # The least squares solution of HA = Σ x(y − x)ᵀ; UᵀU is H⁻¹ in the order of `order`.
        correction = np.empty_like(moments.drift)
        correction[order] = np.float32(CORRECTED) * (factor.T @ (factor @ moments.drift[order]))
    return Hessian(matrix.astype(np.float32), raised, order, factor, correction)
