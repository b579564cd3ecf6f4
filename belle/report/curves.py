"""Curves of a run over its steps, smoothed, and thinned to what can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from belle.report.svg import colour, draw

Points = Sequence[tuple[int, float]]

_INK, _LINE, _FIRST, _SECOND = map(colour, ("ink-2", "line", "violet", "good"))
_MOST_POINTS = 1200
# Set or measured without noise.
_NOT_SMOOTHED = ("lr", "memory")
_SMOOTHED_FROM = 30  # points; fewer are drawn as they are


@dataclass(frozen=True)
class Curve:
    """Values over steps, and those of the evaluation set beside them."""

    name: str
    points: Points
    evaluation: Points = ()

    @property
    def words(self) -> str:
        """The curve for those who cannot see it, such as `5.1 at step 1, lowest 2.3 at step 90, 2.4 at step 100`."""
        (first, start), (last, end) = self.points[0], self.points[-1]
        low, lowest = min(self.points, key=lambda point: point[1])
        words = f"{start:.4g} at step {first}, lowest {lowest:.4g} at step {low}, {end:.4g} at step {last}"
        if self.evaluation:
            step, value = self.evaluation[-1]
            words += f"; evaluation {value:.4g} at step {step}"
        return words


def svg(curve: Curve, *, wide: bool) -> str:
    """The curve as an `<svg>` element. A `wide` one has the width of the page, others half of it."""

    def paint(figure: Any) -> None:
        axes = figure.add_subplot()
        _dress(axes, curve)
        _draw(axes, curve, width=1.8 if wide else 1.4)

    inches = (9.6, 3.0) if wide else (4.6, 2.0)
    return draw(curve.name, inches, paint, {"font.size": 9, "axes.unicode_minus": False})


def smoothed(points: Points) -> list[tuple[int, float]]:
    """For each point the mean of those around it, about a fortieth of all; at the ends, of those that there are."""
    most = max(1, len(points) // 80)
    sums = [0.0, *accumulate(value for _, value in points)]
    means = []
    for at, (step, _) in enumerate(points):
        begin, end = max(0, at - most), min(len(points), at + most + 1)
        means.append((step, (sums[end] - sums[begin]) / (end - begin)))
    return means


def thinned(points: Points, most: int = _MOST_POINTS) -> list[tuple[int, float]]:
    """At most about `most` points that look the same: the lowest and the highest of each stretch, in their order."""
    if len(points) <= most:
        return list(points)
    stretches = most // 2
    edges = [at * len(points) // stretches for at in range(stretches + 1)]
    extremes: list[tuple[int, float]] = []
    for begin, end in pairwise(edges):
        part = points[begin:end]
        extremes += sorted({min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])})
    return extremes


def _dress(axes: Any, curve: Curve) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.tick_params(colors=_INK, length=0)
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.01)
    largest = max(abs(value) for _, value in [*curve.points, *curve.evaluation])
    if largest >= 10_000:
        axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    elif 0 < largest < 0.01:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.1e}".replace("e-0", "e-") if value else "0")
    axes.set_xlabel("step", color=_INK)


def _draw(axes: Any, curve: Curve, width: float) -> None:
    if len(curve.points) < _SMOOTHED_FROM or curve.name in _NOT_SMOOTHED:
        marker = "o" if len(curve.points) == 1 else None
        axes.plot(*_columns(thinned(curve.points)), color=_FIRST, linewidth=width, marker=marker, markersize=4)
    else:
        axes.plot(*_columns(thinned(curve.points)), color=_FIRST, linewidth=0.8, alpha=0.35)
        axes.plot(*_columns(thinned(smoothed(curve.points))), color=_FIRST, linewidth=width)
    if curve.evaluation:
        axes.plot(*_columns(thinned(curve.evaluation)), color=_SECOND, linewidth=width, marker="o", markersize=4)


def _columns(points: Points) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [value for _, value in points]
