"""What the turns of a strategy have cost, on average, with 95 % intervals.

The turns of one conversation depend on each other, so that the mean of each conversation counts once, and the interval
is Student's over conversations.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from belle.evaluation.intervals import student_quantile

MEASURES = (
    "seconds",
    "first_words_s",
    "prompt_tokens",
    "new_tokens",
    "completion_tokens",
    "calls",
    "actions",
    "woke_slow",
)
"""Of a turn: `new_tokens` are those of its prompts that had to be read, `woke_slow` is 1 where it asked a slow mind."""


@dataclass(frozen=True, slots=True)
class CostMean:
    """A mean with half the width of its interval, which is infinite for fewer than two conversations."""

    value: float
    half: float


@dataclass(frozen=True, slots=True)
class TurnCosts:
    """Of a strategy.

    Attributes:
        conversations, turns: how many.
        means: by the names of `MEASURES`; NaN where no turn has one.
        stops: how many turns ended for which reason.
    """

    conversations: int
    turns: int
    means: Mapping[str, CostMean]
    stops: Mapping[str, int]


def turn_costs(rows: Iterable[Mapping[str, Any]], items: Iterable[str]) -> TurnCosts:
    """The costs of the answers to `items` (ids) in the rows of an answer file; rows without a record are left out."""
    wanted = set(items)
    turns: dict[str, list[dict[str, float]]] = defaultdict(list)
    stops: dict[str, int] = defaultdict(int)
    for row in rows:
        item, record = str(row["id"]).rpartition("/")[0], row.get("record")
        if item in wanted and isinstance(record, Mapping):
            turns[item].append(_measures(record["usage"]))
            stops[str(record["stop"])] += 1
    means = {name: _mean([_of_item(of_item, name) for of_item in turns.values()]) for name in MEASURES}
    return TurnCosts(len(turns), sum(map(len, turns.values())), means, dict(stops))


def _measures(usage: Mapping[str, Any]) -> dict[str, float]:
    measured = {name: float(usage[name]) for name in MEASURES if usage.get(name) is not None}
    new = usage["prompt_tokens"] - usage["reused_tokens"]
    return measured | {"new_tokens": float(new), "woke_slow": float(usage["slow_calls"] > 0)}


def _of_item(turns: list[dict[str, float]], name: str) -> float | None:
    values = [turn[name] for turn in turns if name in turn]
    return fmean(values) if values else None


def _mean(values: list[float | None]) -> CostMean:
    known = [value for value in values if value is not None]
    if not known:
        return CostMean(math.nan, math.inf)
    if len(known) == 1:
        return CostMean(known[0], math.inf)
    return CostMean(fmean(known), student_quantile(len(known) - 1) * stdev(known) / math.sqrt(len(known)))
