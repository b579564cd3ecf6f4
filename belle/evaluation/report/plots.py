"""The plots of a report, as SVG whose colours follow the page's theme. matplotlib is needed, of the extra `train`."""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from belle.evaluation.measurement import CandidateFigures, Measurement

# matplotlib knows colours only as numbers: these stand for the page's and are replaced by its variables.
_INK, _QUIET, _LINE = "#010203", "#040506", "#070809"
_SERIES = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06", "#0a0b07", "#0a0b08")
_VARIABLES = {_INK: "ink", _QUIET: "ink-3", _LINE: "line"} | {c: f"series-{i}" for i, c in enumerate(_SERIES)}
_MARKS = "osD^vPX*"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
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
    """`svg` is an element for a page that defines the colours; `words` say what is seen."""

    title: str
    words: str
    svg: str
    wide: bool = False


def installed() -> bool:
    """Whether plots can be made."""
    return importlib.util.find_spec("matplotlib") is not None


def plots(result: Measurement) -> list[Plot]:
    """Every plot that this measurement has figures for."""
    candidates = [candidate for candidate in result.candidates if candidate.loss]
    if not candidates or not installed():
        return []
    found = [
        Plot(
            "Loss against size",
            "Mean KL divergence (nats per token). The line joins the models that no other beats in both.",
            _draw("size", (9.2, 3.8), lambda axes: _size(axes, candidates)),
            wide=True,
        ),
        Plot(
            "Distribution of the KL divergence",
            "Share of tokens; what lies outside counts at the ends.",
            _draw("kl", (5.2, 3.4), lambda axes: _distribution(axes, result, candidates)),
        ),
        Plot(
            "Loss by position in the window",
            "Mean KL divergence of the tokens at that place.",
            _draw("position", (5.2, 3.4), lambda axes: _position(axes, result, candidates)),
        ),
    ]
    if len(result.text.scripts) > 1:
        svg = _draw("script", (9.2, 3.0), lambda axes: _script(axes, result, candidates))
        found.append(Plot("Loss by script", "Mean KL divergence of the tokens written in it.", svg, wide=True))
    return found


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indexes of the points that no other beats in both coordinates (smaller is better), by the first coordinate."""
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: points[i]):
        if not front or points[i][1] < points[front[-1]][1]:
            front.append(i)
    return front


def _size(axes: Any, candidates: Sequence[CandidateFigures]) -> None:
    points = [(c.model.size / 1e6, c.loss.kl) for c in candidates if c.loss]
    errors = [c.loss.kl_error for c in candidates if c.loss]
    front = pareto(points)
    if len(front) > 1:
        axes.plot([points[i][0] for i in front], [points[i][1] for i in front], color=_QUIET, linewidth=1, zorder=1)
    for i, (candidate, (x, y)) in enumerate(zip(candidates, points, strict=True)):
        on_front = i in front
        axes.errorbar(x, y, yerr=errors[i], color=_colour(i), ecolor=_colour(i), elinewidth=1, fmt="none")
        axes.plot(
            x,
            y,
            _MARKS[i % len(_MARKS)],
            color=_colour(i),
            markersize=7,
            markerfacecolor=_colour(i) if on_front else "none",
            label=_name(candidate),
        )
    if all(y > 0 for _, y in points):
        axes.set_yscale("log")
    axes.set_xlabel("size (MB)")
    axes.set_ylabel("mean KL")
    axes.margins(x=0.08, y=0.15)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


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


def _script(axes: Any, result: Measurement, candidates: Sequence[CandidateFigures]) -> None:
    names = list(result.text.scripts)
    width = 0.8 / len(candidates)
    for i, candidate in enumerate(candidates):
        places = [n - 0.4 + (i + 0.5) * width for n in range(len(names))]
        heights = [candidate.kl_by_script.get(name, 0.0) for name in names]
        axes.bar(places, heights, width * 0.9, color=_colour(i), label=_name(candidate))
    axes.set_xticks(range(len(names)), names)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("mean KL")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _name(candidate: CandidateFigures) -> str:
    # A leading underscore would hide it from the legend; $ begins a formula.
    return candidate.model.name.lstrip("_").replace("$", r"\$")[:48]


def _colour(i: int) -> str:
    return _SERIES[i % len(_SERIES)]


def _draw(name: str, inches: tuple[float, float], draw: Callable[[Any], None]) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # Letters that matplotlib's font lacks are written as text: the browser has fonts for them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=inches, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    # Several of them stand in one page: what they refer to must be their own.
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
