"""How far two next-token distributions are apart: token by token (`token_losses`), and over a text (`Loss`).

The definitions are llama.cpp's (`tools/perplexity`, `--kl-divergence`), and so are the numbers, with one difference:
llama.cpp reads its base model's log-probabilities from a file with 16 bits each; here both models are exact. Rows are
read one at a time: a row of 250,880 logits stays in the processor's cache, a chunk of rows would not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TOP = 5
LEAST_LOG_P = -16.0
"""Tokens to which the reference gives a probability below e^-16 are left out of the KL divergence, as in llama.cpp."""

KL_QUANTILES = (0.001, 0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999)
DP_QUANTILES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)

_BLOCK = 128
_SMALL_VOCABULARY = 4096

Row = NDArray[np.float32]
Values = NDArray[np.float64]


class RowReading(NamedTuple):
    """A row of logits: `log_z` = ln Σ exp(logit), and the ids of its `TOP` likeliest tokens, the likeliest first."""

    log_z: float
    top: NDArray[np.intp]


class Likely(NamedTuple):
    """The tokens of a reference row that the KL divergence sums over: ids, log-probabilities and probabilities."""

    ids: NDArray[np.intp]
    log_p: Values
    p: Values


class RowReader:
    """Reads rows of `n_vocab` logits. Reuses scratch memory, so one thread has to read one row after the other."""

    def __init__(self, n_vocab: int) -> None:
        self._n_vocab = n_vocab
        self._scratch = np.empty(n_vocab, np.float32)
        self._mask = np.empty(n_vocab, np.bool_)

    def read(self, logits: Row) -> RowReading:
        """Read a row `[n_vocab]`. `log_z` is NaN where a logit is NaN or +∞, or all are −∞."""
        top = self._top(logits)
        most = logits[top[0]]
        if not np.isfinite(most):
            return RowReading(math.nan, top)
        # ln Σ exp(x) = m + ln Σ exp(x - m): with the greatest logit m, no exponential overflows.
        np.subtract(logits, most, out=self._scratch)
        np.exp(self._scratch, out=self._scratch)
        total = float(self._scratch.sum(dtype=np.float64))
        return RowReading(float(most) + math.log(total) if total > 0 else math.nan, top)

    def likely(self, logits: Row, reading: RowReading) -> Likely:
        """The tokens of a reference row `[n_vocab]` with ln p > `LEAST_LOG_P`."""
        np.greater(logits, np.float32(reading.log_z + LEAST_LOG_P), out=self._mask)
        ids = np.flatnonzero(self._mask)
        log_p = logits[ids].astype(np.float64)
        log_p -= reading.log_z
        return Likely(ids, log_p, np.exp(log_p))

    def _top(self, logits: Row) -> NDArray[np.intp]:
        """The ids of the greatest logits, the lower id first where they are equal."""
        if self._n_vocab <= _SMALL_VOCABULARY:
            return np.argsort(-logits, kind="stable")[:TOP]
        # Sorting all is slow. In a table of 128 rows the five greatest logits lie in the five columns with the greatest
        # maxima: for a logit in another column there are five greater ones, those maxima. The rest of the vocabulary,
        # which fills no row, is sorted with them.
        columns = self._n_vocab // _BLOCK
        table = logits[: columns * _BLOCK].reshape(_BLOCK, columns)  # [128, columns]
        best = np.argpartition(table.max(axis=0), columns - TOP)[columns - TOP :]
        inside = (best[:, None] + np.arange(_BLOCK) * columns).ravel()  # ids of all logits in those columns
        ids = np.sort(np.concatenate((inside, np.arange(columns * _BLOCK, self._n_vocab))))
        return ids[np.argsort(-logits[ids], kind="stable")[:TOP]]


def kl_divergence(likely: Likely, logits: Row, log_z: float) -> float:
    """D(p ‖ q) = Σ p (ln p - ln q) in nats, over `likely`; it may be slightly below 0, for tokens are left out.

    Args:
        likely: of the reference's row.
        logits, log_z: the candidate's row `[n_vocab]`, and its `RowReading.log_z`.
    """
    log_q = logits[likely.ids].astype(np.float64)
    log_q -= log_z
    np.subtract(likely.log_p, log_q, out=log_q)  # ln p - ln q, in place
    return float(np.einsum("i,i->", likely.p, log_q))


class ReferenceToken(NamedTuple):
    """A token of the text and the reference's prediction: token id, negative log-likelihood (nats), and its row."""

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
    """What is recorded of a candidate's row; `nll` and `kl` are infinite where it gives a probability of 0."""
    nll = reading.log_z - float(logits[expected.target])
    top = expected.reading.top
    return TokenLosses(
        nll=nll,
        kl=kl_divergence(expected.likely, logits, reading.log_z),
        dp=np.exp(-nll) - np.exp(-expected.nll),
        same_top=reading.top[0] == top[0],
        same_top5=len(set(reading.top.tolist()) & set(top.tolist())) / min(TOP, len(reading.top)),
    )


class Mean(NamedTuple):
    """A mean and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp of the mean negative log-likelihood (nats per token), and its standard error."""

    value: float
    error: float


def perplexity(nll: Values) -> Perplexity:
    """Of negative log-likelihoods `[n]`. The error is that of the mean, by the delta method: d exp(x) = exp(x) dx."""
    mean = _mean(nll)
    value = math.exp(mean.value)
    return Perplexity(value, value * mean.error)


@dataclass(frozen=True)
class ComparedTokens:
    """The tokens of a candidate beside the reference's, and the intermediate values that several formulas share.

    Args:
        nll_reference: the reference's negative log-likelihoods, `[n]`.
        recorded: the candidate's, `[n]` each.
    """

    nll_reference: Values
    recorded: TokenLosses

    @property
    def n(self) -> int:
        """Tokens."""
        return self.nll_reference.size

    @cached_property
    def nll(self) -> Mean:
        """Of the candidate's negative log-likelihoods, nats per token."""
        return _mean(self.recorded.nll)

    @cached_property
    def reference(self) -> Mean:
        """Of the reference's negative log-likelihoods, nats per token."""
        return _mean(self.nll_reference)

    @cached_property
    def covariance(self) -> float:
        """Of those two means: both models read the same tokens, so their errors are anything but independent."""
        nll, reference = self.recorded.nll - self.nll.value, self.nll_reference - self.reference.value
        return float((nll * reference).mean()) / (self.n - 1) if self.n > 1 else 0.0

    @cached_property
    def d_ppl(self) -> Mean:
        """PPL(candidate) - PPL(reference). The error is by the delta method, Var(x - y) = Var x + Var y - 2 Cov."""
        ppl, ppl_reference = math.exp(self.nll.value), math.exp(self.reference.value)
        variance = (ppl * self.nll.error) ** 2 + (ppl_reference * self.reference.error) ** 2
        variance -= 2 * ppl * ppl_reference * self.covariance
        return Mean(ppl - ppl_reference, math.sqrt(max(0.0, variance)))

    @cached_property
    def ln_ratio(self) -> Mean:
        """ln(PPL(candidate) / PPL(reference)), the difference of the mean negative log-likelihoods."""
        variance = self.nll.error**2 + self.reference.error**2 - 2 * self.covariance
        return Mean(self.nll.value - self.reference.value, math.sqrt(max(0.0, variance)))

    @cached_property
    def ppl_ratio(self) -> Mean:
        """PPL(candidate) / PPL(reference)."""
        ratio = math.exp(self.ln_ratio.value)
        return Mean(ratio, ratio * self.ln_ratio.error)

    @cached_property
    def correlation(self) -> float:
        """Of the two models' mean negative log-likelihoods: Cov / (σ σ'). 1 where one of them does not vary."""
        both = self.nll.error * self.reference.error
        return min(1.0, self.covariance / both) if both else 1.0

    @cached_property
    def kl(self) -> Mean:
        """Of the KL divergences, nats per token."""
        return _mean(self.recorded.kl)

    @cached_property
    def dp(self) -> Mean:
        """Of the changes of the token's probability."""
        return _mean(self.recorded.dp)

    @cached_property
    def dp_rms(self) -> Mean:
        """The root of the mean square of Δp. d √x = dx / (2 √x)."""
        square = _mean(self.recorded.dp * self.recorded.dp)
        rms = math.sqrt(square.value)
        return Mean(rms, 0.5 / rms * square.error if rms else 0.0)

    @cached_property
    def same_top(self) -> Mean:
        """The share of tokens with the same top token; its error is that of a binomial share."""
        same = float(self.recorded.same_top.mean())
        return Mean(same, math.sqrt(same * (1 - same) / (self.n - 1)) if self.n > 1 else 0.0)


def _by(formula: Callable[[ComparedTokens], float | dict[str, float]]) -> dict[str, Any]:
    return {"formula": formula}


@dataclass(frozen=True, slots=True)
class Loss:
    """What a candidate lost against the reference: each figure is a row with its formula, see `Loss.of`.

    Errors are standard errors, KL divergences in nats per token, Δp and shares between 0 and 1.

    Attributes:
        d_ppl, ppl_ratio, ln_ratio: PPL(candidate) - PPL(reference), their ratio, and its logarithm.
        correlation: of the two models' losses.
        kl, kl_min, kl_max, kl_quantiles: KL divergence of the candidate from the reference; quantiles by fraction.
        same_top: share of positions at which both expect the same token most.
        same_top5: share of the reference's five likeliest tokens that are among the candidate's five, on average.
        dp, dp_rms, dp_min, dp_max, dp_quantiles: change of the probability of the token that really follows.
    """

    d_ppl: float = field(metadata=_by(lambda x: x.d_ppl.value))
    d_ppl_error: float = field(metadata=_by(lambda x: x.d_ppl.error))
    ppl_ratio: float = field(metadata=_by(lambda x: x.ppl_ratio.value))
    ppl_ratio_error: float = field(metadata=_by(lambda x: x.ppl_ratio.error))
    ln_ratio: float = field(metadata=_by(lambda x: x.ln_ratio.value))
    ln_ratio_error: float = field(metadata=_by(lambda x: x.ln_ratio.error))
    correlation: float = field(metadata=_by(lambda x: x.correlation))
    kl: float = field(metadata=_by(lambda x: x.kl.value))
    kl_error: float = field(metadata=_by(lambda x: x.kl.error))
    kl_min: float = field(metadata=_by(lambda x: float(x.recorded.kl.min())))
    kl_max: float = field(metadata=_by(lambda x: float(x.recorded.kl.max())))
    kl_quantiles: dict[str, float] = field(metadata=_by(lambda x: quantiles(x.recorded.kl, KL_QUANTILES)))
    same_top: float = field(metadata=_by(lambda x: x.same_top.value))
    same_top_error: float = field(metadata=_by(lambda x: x.same_top.error))
    same_top5: float = field(metadata=_by(lambda x: float(x.recorded.same_top5.mean())))
    dp: float = field(metadata=_by(lambda x: x.dp.value))
    dp_error: float = field(metadata=_by(lambda x: x.dp.error))
    dp_rms: float = field(metadata=_by(lambda x: x.dp_rms.value))
    dp_rms_error: float = field(metadata=_by(lambda x: x.dp_rms.error))
    dp_min: float = field(metadata=_by(lambda x: float(x.recorded.dp.min())))
    dp_max: float = field(metadata=_by(lambda x: float(x.recorded.dp.max())))
    dp_quantiles: dict[str, float] = field(metadata=_by(lambda x: quantiles(x.recorded.dp, DP_QUANTILES)))

    @classmethod
    def of(cls, nll_reference: Values, recorded: TokenLosses) -> Loss:
        """Every figure of a candidate, from the reference's negative log-likelihoods `[n]` and what was recorded."""
        tokens = ComparedTokens(nll_reference, recorded)
        return cls(**{figure.name: figure.metadata["formula"](tokens) for figure in fields(cls)})


def quantiles(values: Values, fractions: Sequence[float]) -> dict[str, float]:
    """Quantiles with linear interpolation, by fraction written as text ("0.999")."""
    return {f"{fraction:g}": float(x) for fraction, x in zip(fractions, np.quantile(values, fractions), strict=True)}


def _mean(values: Values) -> Mean:
    """The mean and its standard error, √(E[(x - E x)²] / (n - 1))."""
    n = values.size
    mean = float(values.mean())
    variance = float(np.square(values - mean).mean())
    return Mean(mean, math.sqrt(variance / (n - 1)) if n > 1 else 0.0)
