"""Plots of a data file: the lengths of its rows, their languages, categories and turns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from belle.data.check import LENGTHS, Report
from belle.durable import write_bytes
from belle.errors import KnownError
from belle.report.html import as_it_is, render
from belle.report.svg import colour, draw
from belle.texts import utf8, visible

_TEMPLATE = Path(__file__).with_name("plot.html.j2")
_BARS = "#4c72b0"
_STYLE: dict[Any, Any] = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}


def write_plot(report: Report, path: Path, title: str) -> None:
    """Histograms of the lengths, bars of languages, categories and turns, as `.png`, `.svg` or `.html`.

    Raises KnownError("unknown_format") for another ending, and `folder_not_writable`.
    """
    if path.suffix not in (".png", ".svg", ".html"):
        message = f"{path.name} has an ending that is not known."
        raise KnownError("unknown_format", message, "Plots are written as .html, .svg or .png.", path=str(path))
    if path.suffix == ".html":
        findings = [finding for finding in (report.errors, *report.findings.values()) if finding.count]
        content = utf8(render(_TEMPLATE, title=title, findings=findings, drawing=as_it_is(_for_page(report, title))))
    else:
        content = _picture(report, title, path.suffix[1:])
    write_bytes(path, content)


def _picture(report: Report, title: str, form: str) -> bytes:
    """The plot as a file of its own: black on white."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_inches(report), layout="constrained")
        _paint(figure, report, title, _BARS)
    stream = io.BytesIO()
    figure.savefig(stream, format=form, dpi=120 if form == "png" else "figure")
    return stream.getvalue()


def _for_page(report: Report, title: str) -> str:
    """The plot as SVG for the page, in its colours."""
    ink = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), colour("ink-2")
    )
    style = {**_STYLE, **ink, "axes.edgecolor": colour("line")}
    return draw("rows", _inches(report), lambda figure: _paint(figure, report, title, colour("violet")), style)


def _inches(report: Report) -> tuple[float, float]:
    count = len(_lengths(report)) + len(_counts(report))
    return 9, 2.4 * ((count + 1) // 2) + 0.4


def _lengths(report: Report) -> dict[str, Any]:
    return {name: values for name, values in report.lengths.items() if values}


def _counts(report: Report) -> dict[str, dict[str, int]]:
    bars = {
        "languages": dict(report.languages.most_common(8)),
        "categories": dict(report.categories.most_common(13)),
        "questions in a row": {str(turns): count for turns, count in sorted(report.turns.items())[:16]},
    }
    return {name: values for name, values in bars.items() if values}


def _paint(figure: Any, report: Report, title: str, fill: str) -> None:
    lengths, bars = _lengths(report), _counts(report)
    figure.suptitle(visible(f"{title}: {report.rows:,} rows"))
    free = iter(figure.subplots((len(lengths) + len(bars) + 1) // 2, 2, squeeze=False).flat)
    for name, values in lengths.items():
        _histogram(next(free), LENGTHS[name], values, "tokens" if name == "tokens" else "characters", fill)
    for name, counts in bars.items():
        axes = next(free)
        axes.barh(list(counts), list(counts.values()), color=fill)
        axes.invert_yaxis()
        axes.set(title=name, xlabel="rows")
    for axes in free:
        axes.remove()


def _histogram(axes: Any, title: str, values: Any, unit: str, fill: str) -> None:
    ordered = sorted(values)
    # The longest one percent would squeeze all others into one bar.
    edge = max(ordered[(len(ordered) - 1) * 99 // 100], 1)
    axes.hist([min(value, edge) for value in ordered], bins=min(50, edge + 1), color=fill)
    axes.set(title=title, xlabel=f"{unit} (the last bar holds all from {edge:,} on)", ylabel="number")
