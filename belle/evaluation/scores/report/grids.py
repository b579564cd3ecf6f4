"""Tables as Markdown and HTML both show them: cells of text, with what they are sorted by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from belle.evaluation.answers.turn_costs import CostMean
from belle.evaluation.intervals import ScoreMean
from belle.texts import visible

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell.

    Attributes:
        text: that it shows.
        value: what it is sorted by; None sorts by the text.
        hint: shown when one points at it.
    """

    text: str
    value: float | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ScoreGrid:
    """A table; the first `n_texts` columns are texts, the others numbers.

    Attributes:
        notes: sentences below the title.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[GridCell]]
    n_texts: int = 1
    notes: Sequence[str] = ()


NO_NUMBER = GridCell(NOTHING, -2.0)
"""Where a number would be; below all of them."""


def text_cell(text: str) -> GridCell:
    """Any text, with nothing in it that would turn the direction of what follows."""
    return GridCell(" ".join(visible(text).split()))


def mean_cell(mean: ScoreMean) -> GridCell:
    """The mean in `words`, with the ends of the interval as the hint; a dash where there is none."""
    if not mean.n or math.isnan(mean.value):
        return NO_NUMBER
    return GridCell(words(mean), mean.value, f"{mean.low:.3f} … {mean.high:.3f}, n = {mean.n:,}")


def cost_cell(mean: CostMean) -> GridCell:
    """A cost per turn with half of its interval; a dash where there is none."""
    return NO_NUMBER if math.isnan(mean.value) else GridCell(mean.words, mean.value)


def count_cell(number: int) -> GridCell:
    """A whole number."""
    return GridCell(f"{number:,}", number)


def number_cell(number: float, form: str = ".3f") -> GridCell:
    """A number in a format of Python; a dash for NaN."""
    return NO_NUMBER if math.isnan(number) else GridCell(format(number, form), number)


def p_cell(p: float) -> GridCell:
    """A p-value with as many digits as mean something."""
    return GridCell("< 0.001" if p < 0.001 else f"{p:.3f}", p)


def interval_cell(low: float, high: float) -> GridCell:
    """The ends of the interval of a difference."""
    return GridCell(f"{low:+.3f} … {high:+.3f}", low)


def words(mean: ScoreMean) -> str:
    """`0.712 ±0.034`: what follows ± is the distance to the farther end, as the interval of a high mean is skewed."""
    return f"{mean.value:.3f} ±{max(mean.high - mean.value, mean.value - mean.low):.3f}"
