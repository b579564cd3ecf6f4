"""The plots of a report on scores. They need matplotlib (extra `train`)."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from belle.evaluation.intervals import ScoreMean
from belle.evaluation.scores.quantization import QuantizationLoss
from belle.evaluation.scores.report.contents import ScoreReport
from belle.evaluation.scores.win_rates import WinRates
from belle.report.svg import N_SERIES, colour, draw
from belle.texts import visible

_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class ScorePlot:
    """`svg` is an element for a page that defines the colours; `words` describe the plot."""

    title: str
    words: str
    svg: str


def installed() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def plots(report: ScoreReport) -> list[ScorePlot]:
    """Every plot that there are figures for; none without matplotlib."""
    if not installed():
        return []
    names = [name for name in report.table.classes if any(row.classes[name].n for row in report.table.rows)]
    drawn = [
        ScorePlot(
            "Scores by class",
            "A dot for each model, with its 95 % interval.",
            _draw("scores", (10, 4), lambda axes: _classes(axes, report, names)),
        )
    ]
    if report.wins:
        wins = report.wins
        svg = _draw("wins", (10, 1 + 0.45 * len(wins.rates)), lambda axes: _wins(axes, report, wins))
        words = "How often the first of each pair wins, ties half: raw, and at equal length of the answers."
        drawn.append(ScorePlot("Win rates", words, svg))
    loss = report.quantization
    if loss and any(model.n_rules for model in loss.models):
        svg = _draw("bits", (10, 1 + 0.45 * len(loss.models)), lambda axes: _bits(axes, report, loss))
        words = (
            "Items that went from right to wrong (left) and from wrong to right (right), of those that rules decide."
        )
        drawn.append(ScorePlot("Flips", words, svg))
    return drawn


def _classes(axes: Any, report: ScoreReport, names: Sequence[str]) -> None:
    rows = report.table.rows
    for number, row in enumerate(rows):
        offset = (number - (len(rows) - 1) / 2) * 0.7 / max(len(rows), 1)
        shown = [(index + offset, row.classes[name]) for index, name in enumerate(names) if row.classes[name].n]
        positions, means = [x for x, _ in shown], [mean for _, mean in shown]
        axes.errorbar(
            positions,
            [mean.value for mean in means],
            yerr=_errors(means),
            fmt="o",
            markersize=4,
            capsize=2,
            color=_colour(number),
            label=_name(report, row.model),
        )
    axes.set_xticks(range(len(names)), [_plain(name) for name in names], rotation=30, ha="right")
    axes.set_ylim(0, 1)
    # Beside the plot: on it, it would cover dots.
    axes.legend(frameon=False, labelcolor=colour("ink"), loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def _wins(axes: Any, report: ScoreReport, wins: WinRates) -> None:
    for series, (label, offset) in enumerate((("raw", -0.15), ("at equal length", 0.15))):
        rates = [rate.controlled if series else rate.rate for rate in wins.rates]
        shown = [(index + offset, rate) for index, rate in enumerate(rates) if not math.isnan(rate.value)]
        axes.errorbar(
            [rate.value for _, rate in shown],
            [y for y, _ in shown],
            xerr=_errors([rate for _, rate in shown]),
            fmt="o" if series == 0 else "s",
            markersize=4,
            capsize=2,
            color=_colour(series),
            label=label,
        )
    names = [f"{_name(report, rate.first)} / {_name(report, rate.second)}" for rate in wins.rates]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.axvline(0.5, color=colour("ink-3"), linewidth=0.8)
    axes.legend(frameon=False, labelcolor=colour("ink"), loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def _bits(axes: Any, report: ScoreReport, loss: QuantizationLoss) -> None:
    places = range(len(loss.models))
    axes.barh(places, [-model.lost for model in loss.models], 0.6, color=_colour(1), label="right → wrong")
    axes.barh(places, [model.gained for model in loss.models], 0.6, color=_colour(2), label="wrong → right")
    axes.set_yticks(places, [_name(report, model.model) for model in loss.models])
    axes.set_ylim(len(loss.models) - 0.5, -0.5)
    widest = max((count for model in loss.models for count in (model.lost, model.gained)), default=0)
    axes.set_xlim(-widest - 1, widest + 1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter(lambda count, _: f"{abs(count):g}")
    axes.axvline(0, color=colour("ink-3"), linewidth=0.8)
    axes.legend(frameon=False, labelcolor=colour("ink"), loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def _errors(means: Sequence[ScoreMean]) -> list[list[float]]:
    """The lengths of the error bars, below and above."""
    return [[max(0.0, mean.value - mean.low) for mean in means], [max(0.0, mean.high - mean.value) for mean in means]]


def _name(report: ScoreReport, model: str) -> str:
    return _plain(report.labels.label(model))


def _plain(name: str) -> str:
    # matplotlib hides labels with a leading underscore from the legend, and $ begins a formula.
    return " ".join(visible(name).split()).lstrip("_").replace("$", r"\$")[:_LONGEST_NAME]


def _colour(number: int) -> str:
    return colour(f"series-{number % N_SERIES}")


def _draw(name: str, inches: tuple[float, float], paint: Callable[[Any], None]) -> str:
    def paint_axes(figure: Any) -> None:
        axes = figure.subplots()
        axes.tick_params(colors=colour("ink-3"), labelcolor=colour("ink-2"))
        axes.spines[:].set_visible(False)
        axes.set_axisbelow(True)
        axes.grid(axis="x" if name != "scores" else "y", color=colour("line"))
        paint(axes)

    return draw(name, inches, paint_axes)
