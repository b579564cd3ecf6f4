"""The table of a sweep: a row for each combination of values, with 95 % intervals over items and over seeds.

The loss per token is L = Σ Sᵢ / Σ Tᵢ over the rows i of the held-out data, with the sum of −log p of a row's tokens and
their number. Tokens of one row depend on each other, so a row is the unit, and the standard error is that of a ratio:
√(n / (n − 1) Σ (Sᵢ − L Tᵢ)²) / Σ Tᵢ (Cochran, Sampling Techniques, 1977, section 6.4). With several seeds, the interval
over items is that of their mean, and a second interval says how far other seeds would move it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.evaluation.intervals import (
    PairedDifference,
    ScoreMean,
    holm,
    mean_of,
    paired_difference,
    student_quantile,
)
from belle.sweep.held_out import ItemLoss
from belle.sweep.sweep import RunResult

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % intervals.

    Args:
        value: the number.
        low, high: over items.
        n: items.
        seed_half: half of the width of the interval over seeds; None with fewer than two.
    """

    value: float
    low: float
    high: float
    n: int
    seed_half: float | None = None


@dataclass(frozen=True, slots=True)
class SweepRow:
    """The runs with the same values, whatever their seeds.

    Args:
        title: the values.
        seeds: runs that count.
        mix: rows and tokens of the domain and of general data; empty without `mix`.
        loss: on the held-out data, in nats per token.
        loss_change: of it against the first row, on the same rows.
        score: of the set, 0…1.
        score_change: of it against the first row, on the same items; p is Holm's.
        problems: why runs failed, by their names.
    """

    title: str
    seeds: int
    mix: Mapping[str, float]
    loss: Estimate | None
    loss_change: Estimate | None
    score: Estimate | None
    score_change: PairedDifference | None
    problems: Mapping[str, str]


def sweep_table(results: Sequence[RunResult]) -> list[SweepRow]:
    """The rows, in the order of the runs."""
    groups: dict[str, list[RunResult]] = {}
    for result in results:
        groups.setdefault(result.run.title, []).append(result)
    first = next(iter(groups.values()), [])
    rows = [_row(title, group, first) for title, group in groups.items()]
    changes = [row.score_change for row in rows if row.score_change is not None]
    adjusted = iter(holm([change.p for change in changes]))
    return [
        row
        if row.score_change is None
        else replace(row, score_change=replace(row.score_change, adjusted_p=next(adjusted)))
        for row in rows
    ]


def _row(title: str, group: Sequence[RunResult], first: Sequence[RunResult]) -> SweepRow:
    good = [result for result in group if not result.problem]
    base = [result for result in first if not result.problem] if group is not first else []
    losses, base_losses = [r.losses for r in good if r.losses], [r.losses for r in base if r.losses]
    scores, base_scores = [r.scores for r in good if r.scores], [r.scores for r in base if r.scores]
    return SweepRow(
        title,
        len(good),
        next((result.mix for result in good), {}),
        per_token_loss(losses) if losses else None,
        loss_change(base_losses, losses) if losses and base_losses else None,
        _score(scores) if scores else None,
        paired_difference(_mean_scores(base_scores), _mean_scores(scores)) if scores and base_scores else None,
        {result.run.name: result.problem for result in group if result.problem},
    )


def per_token_loss(seeds: Sequence[Sequence[ItemLoss]]) -> Estimate:
    """The mean over seeds of the loss per token, of the same rows each."""
    sums = np.mean([[loss for loss, _ in losses] for losses in seeds], axis=0)  # [rows]
    tokens = np.array([count for _, count in seeds[0]])  # [rows]
    value, half = _ratio(sums, tokens)
    each = [sum(loss for loss, _ in losses) / sum(count for _, count in losses) for losses in seeds]
    return Estimate(value, value - half, value + half, len(tokens), _seed_half(each))


def loss_change(before: Sequence[Sequence[ItemLoss]], after: Sequence[Sequence[ItemLoss]]) -> Estimate | None:
    """How much higher the second loss per token is; None where the rows have not the same tokens."""
    tokens = [[count for _, count in losses] for losses in (*before, *after)]
    if any(counts != tokens[0] for counts in tokens):
        return None
    means = [np.mean([[loss for loss, _ in losses] for losses in seeds], axis=0) for seeds in (before, after)]
    value, half = _ratio(means[1] - means[0], np.array(tokens[0]))
    return Estimate(value, value - half, value + half, len(tokens[0]))


def _ratio(sums: Numbers, tokens: Numbers) -> tuple[float, float]:
    """Σ sums / Σ tokens, and half of its 95 % interval."""
    n, total = len(tokens), int(tokens.sum())
    value = float(sums.sum()) / total
    if n < 2:
        return value, math.inf
    error = math.sqrt(n / (n - 1) * float(((sums - value * tokens) ** 2).sum())) / total
    return value, student_quantile(n - 1) * error


def _score(seeds: Sequence[Mapping[str, float]]) -> Estimate:
    mean: ScoreMean = mean_of(list(_mean_scores(seeds).values()))
    return Estimate(mean.value, mean.low, mean.high, mean.n, _seed_half([fmean(one.values()) for one in seeds]))


def _mean_scores(seeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean score of each item that all seeds have one of."""
    items = set.intersection(*(set(scores) for scores in seeds))
    return {item: fmean(scores[item] for scores in seeds) for item in sorted(items)}


def _seed_half(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    return student_quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values))
