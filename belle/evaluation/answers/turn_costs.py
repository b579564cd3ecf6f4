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

MEASURES = {
    "seconds": "seconds",
    "first_words_s": "to first words",
    "prompt_tokens": "tokens in prompts",
    "new_tokens": "of them read",
    "completion_tokens": "written",
    "calls": "model calls",
    "actions": "tool calls",
    "woke_slow": "woke slow mind",
}
"""What is measured of a turn, with its title in a table: `new_tokens` are those of its prompts that had to be read,
`woke_slow` is 1 where it asked a slow mind."""
COST_TITLE = "Cost of a turn"
COST_WORDS = "mean ± half of the 95 % interval over conversations"


@dataclass(frozen=True, slots=True)
class CostMean:
    """A mean with half the width of its interval, which is infinite for fewer than two conversations."""

    value: float
    half: float

    @property
    def words(self) -> str:
        """`3.10 ± 0.42`; a dash where no turn has been measured."""
        if math.isnan(self.value):
            return "–"
        half = "" if math.isinf(self.half) else f" ± {self.half:,.2f}"
        return f"{self.value:,.2f}{half}"


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
    """The costs of the answers to `items` (ids) in the rows of answer files.

    A row without a record, which is that of an answer without a strategy, or with a damaged one is left out.
    """
    wanted = set(items)
    turns: dict[str, list[dict[str, float]]] = defaultdict(list)
    stops: dict[str, int] = defaultdict(int)
    for row in rows:
        item, record = str(row["id"]).rpartition("/")[0], row.get("record")
        measures = _measures(record.get("usage")) if isinstance(record, Mapping) else None
        if item in wanted and isinstance(record, Mapping) and measures is not None:
            turns[item].append(measures)
            stops[str(record.get("stop"))] += 1
    means = {name: _mean([_of_item(of_item, name) for of_item in turns.values()]) for name in MEASURES}
    return TurnCosts(len(turns), sum(map(len, turns.values())), means, dict(stops))


def _measures(usage: Any) -> dict[str, float] | None:
    """The measures of a turn from the usage in its record; None where that is damaged."""
    try:
        measured = {name: float(usage[name]) for name in MEASURES if usage.get(name) is not None}
        new = float(usage["prompt_tokens"] - usage["reused_tokens"])
        measured |= {"new_tokens": new, "woke_slow": float(usage["slow_calls"] > 0)}
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError):
        return None
    return measured if all(map(math.isfinite, measured.values())) else None


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
