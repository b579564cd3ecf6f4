"""Drawings for a page, by matplotlib: SVG that takes its colours and fonts from the page, so that one drawing serves a
light screen, a dark one and paper.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from belle.report.html import SERIES

N_SERIES = len(SERIES["light"])
"""Colours for lines that are told apart by a legend: `series-0` and so on."""

_VARIABLES = ("ink", "ink-2", "ink-3", "line", "violet", "good", *(f"series-{i}" for i in range(N_SERIES)))
# matplotlib must have numbers: these stand for the page's variables, and are replaced by their names.
_STAND_INS = {name: f"#0a0b{number:02x}" for number, name in enumerate(_VARIABLES)}


def colour(variable: str) -> str:
    """What to give matplotlib for a colour of the page, such as `ink-3`."""
    return _STAND_INS[variable]


def draw(
    name: str, inches: tuple[float, float], paint: Callable[[Any], None], style: Mapping[str, Any] | None = None
) -> str:
    """An `<svg>` element as wide as its place in the page.

    Args:
        name: unique in the page; what the drawing refers to inside is named after it.
        inches: width and height, to which its font sizes relate.
        paint: draws on a `matplotlib.figure.Figure`.
        style: matplotlib's settings.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name, **(style or {})}
    out = io.StringIO()
    with mpl.rc_context(settings), warnings.catch_warnings():
        # Letters that matplotlib's font lacks are written as text: the browser has fonts for them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=inches, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_page(out.getvalue())


def _for_page(document: str) -> str:
    """The `<svg>` element alone, in the page's colours and font, without size, and without names for its groups."""
    element = document[document.index("<svg") :]
    opening, rest = element.split(">", 1)
    opening = re.sub(r' (width|height)="[^"]*"', "", opening).replace("<svg", '<svg aria-hidden="true"')
    rest = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", rest, flags=re.DOTALL)
    # Only in tags: what is written in the drawing may be any text.
    rest = re.sub(r"<[^>]*>", lambda tag: _tag_for_page(tag[0]), rest)
    return f"{opening}>" + re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", rest)).strip()


def _tag_for_page(tag: str) -> str:
    tag = re.sub(r'^<g id="[^"]*"', "<g", tag)
    if not tag.startswith("<tspan"):  # the parts of a formula, placed by the widths of matplotlib's font
        tag = re.sub(r"font-family: [^;\"]*;?", "", tag)
    for variable, number in _STAND_INS.items():
        tag = tag.replace(number, f"var(--{variable})")
    return tag
