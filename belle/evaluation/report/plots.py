"""The plots of a report, as SVG whose colours follow the page's theme. Needs matplotlib (extra `train`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from belle.evaluation.layers.sensitivity_table import SensitivityTable
from belle.evaluation.measurement import CandidateFigures, Measurement
from belle.evaluation.metric_table import BY_KEY, row_of
from belle.evaluation.report.labels import name_points
from belle.evaluation.report.layers import layers_of
from belle.report.svg import N_SERIES, colour, draw
from belle.texts import visible

_INK, _QUIET, _LINE = map(colour, ("ink", "ink-3", "line"))
_MARKS = "osD^vPX*"
_SIZE, _KL = BY_KEY["size_bytes"], BY_KEY["kl_mean"]
_STYLE: dict[str, Any] = {
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _QUIET,
    "axes.edgecolor": _LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _QUIET,
    "ytick.color": _QUIET,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """`svg` is an element for a page that defines the colours; `words` describe the plot."""

    title: str
    words: str
    svg: str
    wide: bool = False


def installed() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def plots(result: Measurement) -> list[Plot]:
    """Every plot that this measurement has figures for."""
    candidates = [candidate for candidate in result.candidates if candidate.loss]
    if not candidates or not installed():
        return []
    compared, which = _compared(candidates)
    drawn = [
        Plot(
            "Loss against size",
            "Mean KL divergence (nats per token). The line joins the models that no other beats in both.",
            _draw("size", (9.2, 3.8), lambda axes: _size(axes, candidates, compared)),
            wide=True,
        ),
        Plot(
            "Distribution of the KL divergence",
            f"Share of tokens; what lies outside counts at the ends.{which}",
            _draw("kl", (5.2, 3.4), lambda axes: _distribution(axes, result, compared)),
        ),
        Plot(
            "Loss by position in the window",
            f"Mean KL divergence of the tokens at that place.{which}",
            _draw("position", (5.2, 3.4), lambda axes: _position(axes, result, compared)),
        ),
    ]
    names = list(result.text.scripts) if result.text else []
    if len(names) > 1:
        svg = _draw("script", (9.2, 3.0), lambda axes: _script(axes, names, compared))
        words = f"Mean KL divergence of the tokens written in it.{which}"
        drawn.append(Plot("Loss by script", words, svg, wide=True))
    return [*drawn, *_of_layers(result)]


def _compared(candidates: Sequence[CandidateFigures]) -> tuple[Sequence[CandidateFigures], str]:
    """The candidates that get a colour each, and a note: all, or of many those on the Pareto front."""
    if len(candidates) <= N_SERIES:
        return candidates, ""
    front = [candidates[i] for i in _front(candidates)][:N_SERIES]
    return front, " Models on the line of the first plot only."


def _points(candidates: Sequence[CandidateFigures]) -> list[tuple[float, float]]:
    """Size in MB and mean KL of each."""
    return [(c.model.size / 1e6, c.loss.kl) for c in candidates if c.loss]


def _front(candidates: Sequence[CandidateFigures]) -> list[int]:
    """Indexes of the candidates on the Pareto front of size and divergence, the smallest first."""
    rows = map(row_of, candidates)
    return pareto([(_SIZE.cost(row) or 0.0, _KL.cost(row) or 0.0) for row in rows])


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indexes of the Pareto front, where smaller is better in both coordinates, in the order of the first."""
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: points[i]):
        if not front or points[i][1] < points[front[-1]][1]:
            front.append(i)
    return front


def _size(axes: Any, candidates: Sequence[CandidateFigures], compared: Sequence[CandidateFigures]) -> None:
    points = _points(candidates)
    errors = [c.loss.kl_error for c in candidates if c.loss]
    front = _front(candidates)
    if len(front) > 1:
        axes.plot([points[i][0] for i in front], [points[i][1] for i in front], color=_QUIET, linewidth=1, zorder=1)
    unnumbered = []
    for i, (candidate, (x, y)) in enumerate(zip(candidates, points, strict=True)):
        number = next((n for n, other in enumerate(compared) if other is candidate), None)
        colour = _QUIET if number is None else _colour(number)
        axes.errorbar(x, y, yerr=errors[i], color=colour, ecolor=colour, elinewidth=1, fmt="none")
        axes.plot(
            x,
            y,
            "." if number is None else _MARKS[number % len(_MARKS)],
            color=colour,
            markersize=7,
            markerfacecolor=colour if i in front else "none",
            label="_" if number is None else _name(candidate),
        )
        if number is None:
            unnumbered.append((_name(candidate).removesuffix(".gguf"), x, y))
    if all(y > 0 for _, y in points):
        axes.set_yscale("log")
    axes.set_xlabel("size (MB)")
    axes.set_ylabel("mean KL")
    axes.margins(x=0.08, y=0.15)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    name_points(axes, unnumbered, _QUIET)


def _distribution(axes: Any, result: Measurement, candidates: Sequence[CandidateFigures]) -> None:
    for i, candidate in enumerate(candidates):
        total = sum(candidate.kl_counts) or 1
        shares = [100 * count / total for count in candidate.kl_counts]
        axes.stairs(shares, result.kl_edges, color=_colour(i), linewidth=1.4, label=_name(candidate))
    axes.set_xscale("log")
    axes.set_xlabel("KL divergence (nats)")
    axes.set_ylabel("tokens (%)")
    axes.legend()


def _position(axes: Any, result: Measurement, candidates: Sequence[CandidateFigures]) -> None:
    bins = result.position_bins
    middles = [(a + b - 1) / 2 for a, b in pairwise(bins)]
    for i, candidate in enumerate(candidates):
        axes.plot(
            middles,
            candidate.kl_by_position,
            color=_colour(i),
            linewidth=1.4,
            marker=_MARKS[i % len(_MARKS)],
            markersize=3.5,
            label=_name(candidate),
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("position of the predicted token")
    axes.set_ylabel("mean KL")


def _script(axes: Any, names: Sequence[str], candidates: Sequence[CandidateFigures]) -> None:
    width = 0.8 / len(candidates)
    for i, candidate in enumerate(candidates):
        positions = [n - 0.4 + (i + 0.5) * width for n in range(len(names))]
        heights = [candidate.kl_by_script.get(name, 0.0) for name in names]
        axes.bar(positions, heights, width * 0.9, color=_colour(i), label=_name(candidate))
    axes.set_xticks(range(len(names)), names)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("mean KL")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _of_layers(result: Measurement) -> list[Plot]:
    names = [candidate.model.name for candidate in result.candidates]
    tables = [(names.index(table.candidate), table) for table in layers_of(result) if table.tensors]
    if not tables:
        return []
    return [
        Plot(
            "Loss by layer",
            "KL divergence (nats per token) that comes back when all of a block is restored, ± standard error.",
            _draw("layer", (9.2, 3.4), lambda axes: _blocks(axes, tables)),
            wide=True,
        ),
        Plot(
            "Loss by role",
            "KL divergence that comes back when all tensors of a role are restored.",
            _draw("role", (5.2, 3.8), lambda axes: _roles(axes, tables)),
        ),
        Plot(
            "Output error and loss",
            "Each tensor that was restored alone, in the colour of its candidate.",
            _draw("tensors", (5.2, 3.8), lambda axes: _tensors(axes, tables)),
        ),
    ]


def _blocks(axes: Any, tables: Sequence[tuple[int, SensitivityTable]]) -> None:
    names = list(dict.fromkeys(group.name for _, table in tables for group in table.blocks))
    outside = [name for name in names if not name.startswith("blk.")]
    blocks = sorted((name for name in names if name.startswith("blk.")), key=lambda name: int(name[4:]))
    before = [name for name in outside if name.startswith("token")]
    after = [name for name in outside if name not in before]
    positions = {name: i for i, name in enumerate([*before, *blocks, *after])}
    for i, table in tables:
        groups = [group for group in table.blocks if group.kl_back is not None]
        axes.errorbar(
            [positions[group.name] for group in groups],
            [group.kl_back for group in groups],
            yerr=[group.kl_back_error for group in groups],
            color=_colour(i),
            linewidth=0,
            elinewidth=1,
            marker=_MARKS[i % len(_MARKS)],
            markersize=4.5,
            label=_plain(table.candidate),
        )
    step = max(1, len(blocks) // 16)
    shown = [*outside, *blocks[::step]]
    axes.set_xticks([positions[name] for name in shown], [name.removeprefix("blk.") for name in shown])
    for label, name in zip(axes.get_xticklabels(), shown, strict=True):
        if name in outside:
            label.set(rotation=90, fontsize=8)
    axes.axhline(0, color=_QUIET, linewidth=0.8)
    axes.set_xlabel("block")
    axes.set_ylabel("KL back")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _roles(axes: Any, tables: Sequence[tuple[int, SensitivityTable]]) -> None:
    names = list(dict.fromkeys(group.name for _, table in tables for group in table.roles))
    height = 0.8 / len(tables)
    for n, (i, table) in enumerate(tables):
        groups = [group for group in table.roles if group.kl_back is not None]
        positions = [names.index(group.name) - 0.4 + (n + 0.5) * height for group in groups]
        values, errors = [group.kl_back for group in groups], [group.kl_back_error for group in groups]
        axes.barh(positions, values, height * 0.9, xerr=errors, color=_colour(i), ecolor=_QUIET)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("KL back")


def _tensors(axes: Any, tables: Sequence[tuple[int, SensitivityTable]]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    for i, table in tables:
        rows = [(t.output_error, t.kl_back) for t in table.tensors if t.output_error and t.kl_back is not None]
        if rows:
            axes.plot(*zip(*rows, strict=True), _MARKS[i % len(_MARKS)], color=_colour(i), markersize=3.5, alpha=0.8)
            axes.set_xscale("log")
            # On a short axis the labels of all minor ticks would overlap.
            axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
            for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
                which(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.axhline(0, color=_QUIET, linewidth=0.8)
    axes.set_xlabel("relative output error")
    axes.set_ylabel("KL back")


def _name(candidate: CandidateFigures) -> str:
    return _plain(candidate.model.name)


def _plain(name: str) -> str:
    # matplotlib hides labels with a leading underscore from the legend, and $ begins a formula.
    return visible(name).lstrip("_").replace("$", r"\$")[:48]


def _colour(i: int) -> str:
    return colour(f"series-{i % N_SERIES}")


def _draw(name: str, inches: tuple[float, float], paint: Callable[[Any], None]) -> str:
    return draw(name, inches, lambda figure: paint(figure.subplots()), _STYLE)
