"""How far two next-token distributions are apart, row by row, and what follows from many rows.

The definitions are llama.cpp's (`tools/perplexity`, `--kl-divergence`): where it prints a number, this computes the
same one. Its base model comes from a file of 16-bit log-probabilities; here both models are exact, which is the only
difference. Rows are taken one at a time: a row of 250,880 logits stays in the processor's cache, a chunk would not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TOP = 5
LEAST_LOG_P = -16.0
"""Tokens that the reference gives less than e^-16 are left out of the KL divergence, as llama.cpp does."""

KL_QUANTILES = (0.001, 0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999)
DP_QUANTILES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)

_BLOCK = 128
_SMALL_VOCABULARY = 4096

Row = NDArray[np.float32]
Values = NDArray[np.float64]


class RowReading(NamedTuple):
    """What one row of logits says: the log of its sum of exponentials, and its `TOP` tokens, the likeliest first."""

    log_z: float
    top: NDArray[np.intp]


class Likely(NamedTuple):
    """The tokens of a reference row that count: ids, log-probabilities and probabilities."""

    ids: NDArray[np.intp]
    log_p: Values
    p: Values


class RowReader:
    """Reads rows of `n_vocab` logits, with scratch memory of its own."""

    def __init__(self, n_vocab: int) -> None:
        self._n_vocab = n_vocab
        self._scratch = np.empty(n_vocab, np.float32)
        self._mask = np.empty(n_vocab, np.bool_)

    def read(self, logits: Row) -> RowReading:
        """`log_z` is no finite number where the row holds NaN or infinity."""
        top = self._top(logits)
        most = logits[top[0]]
        if not np.isfinite(most):
            return RowReading(math.nan, top)
        np.subtract(logits, most, out=self._scratch)
        np.exp(self._scratch, out=self._scratch)
        total = float(self._scratch.sum(dtype=np.float64))
        return RowReading(float(most) + math.log(total) if total > 0 else math.nan, top)

    def likely(self, logits: Row, reading: RowReading) -> Likely:
        """The part of a reference row that the KL divergence sums over."""
        np.greater(logits, np.float32(reading.log_z + LEAST_LOG_P), out=self._mask)
        ids = np.flatnonzero(self._mask)
        log_p = logits[ids].astype(np.float64)
        log_p -= reading.log_z
        return Likely(ids, log_p, np.exp(log_p))

    def _top(self, logits: Row) -> NDArray[np.intp]:
        """The ids of the greatest logits, the lower id first where they are equal."""
        if self._n_vocab <= _SMALL_VOCABULARY:
            return np.argsort(-logits, kind="stable")[:TOP]
        # Sorting all is slow. The five greatest are in the five of many columns whose greatest is greatest.
        columns = self._n_vocab // _BLOCK
        table = logits[: columns * _BLOCK].reshape(_BLOCK, columns)
        best = np.argpartition(table.max(axis=0), columns - TOP)[columns - TOP :]
        inside = (best[:, None] + np.arange(_BLOCK) * columns).ravel()
        ids = np.sort(np.concatenate((inside, np.arange(columns * _BLOCK, self._n_vocab))))
        return ids[np.argsort(-logits[ids], kind="stable")[:TOP]]


def kl_divergence(likely: Likely, logits: Row, log_z: float) -> float:
    """Σ p (ln p - ln q) in nats over the tokens that count. The sum of some terms may be a little below 0."""
    log_q = logits[likely.ids].astype(np.float64)
    log_q -= log_z
    np.subtract(likely.log_p, log_q, out=log_q)
    return float(np.einsum("i,i->", likely.p, log_q))


class ReferenceToken(NamedTuple):
    """A token of the text as the reference sees it: its id, its negative log-likelihood, and the reference's row."""

    target: int
    nll: float
    reading: RowReading
    likely: Likely


class TokenLosses(NamedTuple):
    """What is recorded of a candidate: at one token, or `[n]` at many.

    Attributes:
        nll: negative log-likelihood of the token, nats.
        kl: KL divergence from the reference, nats.
        dp: change of the token's probability.
        same_top: whether both expect the same token most (0 or 1).
        same_top5: share (0…1) of the reference's five likeliest tokens that are among its own.
    """

    nll: Any
    kl: Any
    dp: Any
    same_top: Any
    same_top5: Any


def token_losses(expected: ReferenceToken, logits: Row, reading: RowReading) -> TokenLosses:
    """Of a candidate's row; `nll` and `kl` are infinite where it rules out what the reference expects."""
    nll = reading.log_z - float(logits[expected.target])
    top = expected.reading.top
    return TokenLosses(
        nll=nll,
        kl=kl_divergence(expected.likely, logits, reading.log_z),
        dp=np.exp(-nll) - np.exp(-expected.nll),
        same_top=reading.top[0] == top[0],
        same_top5=len(set(reading.top.tolist()) & set(top.tolist())) / min(TOP, len(reading.top)),
    )


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp of the mean negative log-likelihood (nats per token), and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Loss:
    """What a candidate lost against the reference. Errors are standard errors, KL in nats, Δp and shares of 1.

    Attributes:
        d_ppl, ppl_ratio, ln_ratio: PPL(candidate) - PPL(reference), their ratio, and its logarithm; the errors use the
            covariance of the two, which were measured on the same tokens. `correlation` is that of the two losses.
        kl, kl_min, kl_max, kl_quantiles: KL divergence of the candidate from the reference; quantiles by fraction.
        same_top: share of positions at which both expect the same token most.
        same_top5: share of the reference's five likeliest tokens that are among the candidate's five, on average.
        dp, dp_rms, dp_min, dp_max, dp_quantiles: change of the probability of the token that really follows.
    """

    d_ppl: float
    d_ppl_error: float
    ppl_ratio: float
    ppl_ratio_error: float
    ln_ratio: float
    ln_ratio_error: float
    correlation: float
    kl: float
    kl_error: float
    kl_min: float
    kl_max: float
    kl_quantiles: dict[str, float]
    same_top: float
    same_top_error: float
    same_top5: float
    dp: float
    dp_error: float
    dp_rms: float
    dp_rms_error: float
    dp_min: float
    dp_max: float
    dp_quantiles: dict[str, float]


def perplexity(nll: Values) -> Perplexity:
    """Of negative log-likelihoods `[n]`."""
    mean, error = _mean_error(nll)
    value = math.exp(mean)
    return Perplexity(value, value * error)


def loss(nll_reference: Values, recorded: TokenLosses) -> Loss:
    """Every figure of a candidate from what was recorded per token.

    Args:
        nll_reference: the reference's negative log-likelihoods, `[n]`.
        recorded: the candidate's, `[n]` each.
    """
    nll, kl, dp, same_top, same_top5 = recorded
    n = nll.size
    (mean, error), (mean_reference, error_reference) = _mean_error(nll), _mean_error(nll_reference)
    covariance = float(((nll - mean) * (nll_reference - mean_reference)).mean()) / (n - 1) if n > 1 else 0.0
    ln_ratio = mean - mean_reference
    ln_ratio_error = math.sqrt(max(0.0, error**2 + error_reference**2 - 2 * covariance))
    ppl, ppl_reference = math.exp(mean), math.exp(mean_reference)
    d_error = (ppl * error) ** 2 + (ppl_reference * error_reference) ** 2 - 2 * ppl * ppl_reference * covariance
    both = error * error_reference
    kl_mean, kl_error = _mean_error(kl)
    dp_mean, dp_error = _mean_error(dp)
    square, square_error = _mean_error(dp * dp)
    rms, same = math.sqrt(square), float(same_top.mean())
    return Loss(
        d_ppl=ppl - ppl_reference,
        d_ppl_error=math.sqrt(max(0.0, d_error)),
        ppl_ratio=math.exp(ln_ratio),
        ppl_ratio_error=math.exp(ln_ratio) * ln_ratio_error,
        ln_ratio=ln_ratio,
        ln_ratio_error=ln_ratio_error,
        correlation=min(1.0, covariance / both) if both else 1.0,
        kl=kl_mean,
        kl_error=kl_error,
        kl_min=float(kl.min()),
        kl_max=float(kl.max()),
        kl_quantiles=quantiles(kl, KL_QUANTILES),
        same_top=same,
        same_top_error=math.sqrt(same * (1 - same) / (n - 1)) if n > 1 else 0.0,
        same_top5=float(same_top5.mean()),
        dp=dp_mean,
        dp_error=dp_error,
        dp_rms=rms,
        dp_rms_error=0.5 / rms * square_error if rms else 0.0,
        dp_min=float(dp.min()),
        dp_max=float(dp.max()),
        dp_quantiles=quantiles(dp, DP_QUANTILES),
    )


def quantiles(values: Values, fractions: Sequence[float]) -> dict[str, float]:
    """Quantiles with linear interpolation, by fraction written as text ("0.999")."""
    return {f"{fraction:g}": float(x) for fraction, x in zip(fractions, np.quantile(values, fractions), strict=True)}


def _mean_error(values: Values) -> tuple[float, float]:
    """The mean and its standard error, sqrt((E[x²] - E[x]²) / (n - 1))."""
    n = values.size
    mean = float(values.mean())
    spread = float(np.square(values - mean).mean())
    return mean, math.sqrt(spread / (n - 1)) if n > 1 else 0.0
