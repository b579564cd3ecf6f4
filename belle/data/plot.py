"""Pictures of a data file: how long its rows are, and what they are."""

from __future__ import annotations

import html
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.data.check import LENGTHS, Report
from belle.durable import write_bytes
from belle.errors import KnownError
from belle.texts import utf8, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOUR = "#4c72b0"


def write_plot(report: Report, path: Path, title: str) -> None:
    """Histograms of the lengths, bars of languages, categories and turns, as `.png`, `.svg` or `.html`.

    Raises KnownError("unknown_format") for another ending, and `folder_not_writable`.
    """
    if path.suffix not in (".png", ".svg", ".html"):
        message = f"{path.name} has an ending that is not known."
        raise KnownError("unknown_format", message, "Plots are written as .html, .svg or .png.", path=str(path))
    figure = _figure(report, title)
    if path.suffix == ".png":
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=120)
        content = stream.getvalue()
    else:
        text = io.StringIO()
        figure.savefig(text, format="svg")
        content = utf8(text.getvalue() if path.suffix == ".svg" else _page(report, title, text.getvalue()))
    write_bytes(path, content)


def _figure(report: Report, title: str) -> Figure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    lengths = {name: values for name, values in report.lengths.items() if values}
    bars = {
        "languages": dict(report.languages.most_common(8)),
        "categories": dict(report.categories.most_common(13)),
        "questions in a row": {str(turns): count for turns, count in sorted(report.turns.items())[:16]},
    }
    bars = {name: values for name, values in bars.items() if values}
    count = len(lengths) + len(bars)
    with mpl.rc_context({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 2.4 * ((count + 1) // 2) + 0.4), layout="constrained")
        figure.suptitle(visible(f"{title}: {report.rows:,} rows"))
        places = iter(figure.subplots((count + 1) // 2, 2, squeeze=False).flat)
        for name, values in lengths.items():
            _histogram(next(places), LENGTHS[name], values, "tokens" if name == "tokens" else "characters")
        for name, counts in bars.items():
            axes = next(places)
            axes.barh(list(counts), list(counts.values()), color=_COLOUR)
            axes.invert_yaxis()
            axes.set(title=name, xlabel="rows")
        for axes in places:
            axes.remove()
    return figure


def _histogram(axes: Any, title: str, values: Any, unit: str) -> None:
    ordered = sorted(values)
    # The longest few would leave no room for all others.
    edge = max(ordered[(len(ordered) - 1) * 99 // 100], 1)
    axes.hist([min(value, edge) for value in ordered], bins=min(50, edge + 1), color=_COLOUR)
    axes.set(title=title, xlabel=f"{unit} (the last bar holds all from {edge:,} on)", ylabel="number")


def _page(report: Report, title: str, picture: str) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(finding.title)}</td><td>{finding.count:,}</td></tr>"
        for finding in (report.errors, *report.findings.values())
        if finding.count
    )
    findings = f"<table><tr><th>what</th><th>rows</th></tr>{rows}</table>" if rows else "<p>Nothing is wrong.</p>"
    picture = picture[picture.index("<svg") :]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title>"
        "<style>body{font:15px system-ui;margin:2rem auto;max-width:60rem}svg{max-width:100%;height:auto}"
        "td,th{text-align:left;padding:.2rem 1rem .2rem 0}</style>"
        f"<h1>{html.escape(title)}</h1>{findings}{picture}</html>"
    )
