"""The length-controlled win rate: how often a model would win if both answers were equally long.

The method is that of AlpacaEval 2 (Dubois et al. 2024, arXiv 2404.04475, eq. 1): a logistic regression of the
preference,

    logit P(the first wins) = θ + φ tanh(Δ / sd(Δ)),  Δ = characters of the first answer − those of the second,

from which the win rate at Δ = 0 is σ(θ). A tie is half a win. Two things differ. Their term for the difficulty of an
instruction is left out: its values come from a joint fit over hundreds of models. And their L1 penalty, whose strength
is found by cross-validation, is replaced by Jeffreys' prior (Firth 1993): it needs no strength, keeps the estimate
finite where one model wins everything, and without lengths gives (wins + ½) / (n + 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.intervals import ScoreMean, share_interval, student_quantile

_FEW, _MANY = 10, 10**6
_HARDLY = 0.01
_STEPS = 100
_CLOSE_ENOUGH = 1e-9

Values = NDArray[np.float64]


def length_controlled(preferences: Sequence[float], differences: Sequence[float]) -> ScoreMean:
    """The win rate at equal length, with its 95 % interval.

    NaN, from 0 to 1, of no pairs, and where one model's answers are always longer by as much.

    Args:
        preferences: 1 where the first wins, 0 where the second, ½ for a tie.
        differences: characters of the first answer minus those of the second.
    """
    wins = np.asarray(preferences, np.float64)
    n = len(wins)
    design = _design(np.asarray(differences, np.float64))
    if n == 0 or design is None:
        return ScoreMean(math.nan, 0.0, 1.0, n)
    weights = firth_logistic(design, wins)
    rates = _sigmoid(design @ weights)
    rate = float(_sigmoid(weights[:1])[0])
    inverse = np.linalg.inv(design.T @ (design * (rates * (1 - rates))[:, None]))
    # Ties vary less than coins (quasi-likelihood, Wedderburn 1974); nothing from 0 to 1 varies more.
    degrees = n - design.shape[1]
    dispersion = float(((wins - rates) ** 2).sum() / (rates * (1 - rates)).sum()) * n / max(degrees, 1)
    is_of_ties = n >= _FEW and 0 < dispersion < 1 and wins.min() < wins.max()
    variance = float(inverse[0, 0]) * (dispersion if is_of_ties else 1.0)
    quantile = student_quantile(degrees if is_of_ties else _MANY)
    # The variance of σ(θ) is (σ (1 − σ))² var θ: that of a share of so many coins.
    n_coins = 1 / max(rate * (1 - rate) * variance, 1e-12)
    return ScoreMean(rate, *share_interval(rate, n_coins, quantile), n)


def firth_logistic(design: Values, outcomes: Values) -> Values:
    """The weights [k] of a logistic regression of `outcomes` [n], 0…1, on `design` [n, k], with Jeffreys' prior.

    Newton's method on Firth's score Xᵀ(y − p + h (½ − p)), h being the diagonal of the hat matrix.
    """
    weights = np.zeros(design.shape[1])
    likelihood = _penalised(design, outcomes, weights)
    for _ in range(_STEPS):
        rates = _sigmoid(design @ weights)
        spread = rates * (1 - rates)
        inverse = np.linalg.inv(design.T @ (design * spread[:, None]))  # [k, k]
        leverage = spread * np.einsum("ni,ij,nj->n", design, inverse, design)  # [n]
        step = inverse @ (design.T @ (outcomes - rates + leverage * (0.5 - rates)))
        # The information is not the derivative of Firth's score: of few outcomes a full step may overshoot for ever.
        while (moved := _penalised(design, outcomes, weights + step)) < likelihood and not _is_tiny(step):
            step /= 2
        weights, likelihood = weights + step, moved
        if _is_tiny(step):
            break
    return weights


def _is_tiny(step: Values) -> bool:
    return bool(np.abs(step).max() <= _CLOSE_ENOUGH)


def _penalised(design: Values, outcomes: Values, weights: Values) -> float:
    """The logarithm of the likelihood times Jeffreys' prior, √det(XᵀWX)."""
    scores = design @ weights
    rates = _sigmoid(scores)
    information = design.T @ (design * (rates * (1 - rates))[:, None])
    return float((outcomes * scores - np.logaddexp(0, scores)).sum() + np.linalg.slogdet(information)[1] / 2)


def _design(differences: Values) -> Values | None:
    """The columns 1 and tanh(Δ / sd(Δ)), the first alone where all answers are equally long.

    None where the second hardly varies: the same model's answers are longer by as much, and nothing is known of others.
    """
    ones = np.ones_like(differences)
    if not differences.any():
        return ones[:, None]
    spread = differences.std(ddof=1) if len(differences) > 1 else 0.0
    column = np.tanh(differences / spread) if spread else ones
    return np.column_stack([ones, column]) if column.std() > _HARDLY else None


def _sigmoid(values: Values) -> Values:
    return 1 / (1 + np.exp(-np.clip(values, -500, 500)))
