"""The report as one HTML file: plots, tables that sort by a click, and answers to read.

What models wrote is hostile: jinja2 escapes all of it, characters that turn the direction of writing are shown as
escapes, and the page may run nothing but its own script, which is named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from belle.evaluation.scores.report.contents import ScoreReport
from belle.evaluation.scores.report.examples import FlipExample, ScoredExample
from belle.evaluation.scores.report.markdown import SMALL, missing
from belle.evaluation.scores.report.plots import installed, plots
from belle.evaluation.scores.report.sections import grids
from belle.report.html import as_it_is, render
from belle.texts import visible

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_SCRIPT = """
for (const head of document.querySelectorAll("table.sorts th")) {
  head.tabIndex = 0;
  const sort = () => {
    const body = head.closest("table").tBodies[0], column = head.cellIndex;
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) => isNaN(a) || isNaN(b) ? String(a).localeCompare(b) : a - b;
    [...body.rows].sort((a, b) => (down ? -1 : 1) * order(key(a), key(b))).forEach(row => body.append(row));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
}
"""


def page(
    report: ScoreReport,
    examples: Mapping[str, Mapping[str, Sequence[ScoredExample]]],
    flips: Mapping[str, Sequence[FlipExample]],
) -> str:
    """The HTML of the page. Without matplotlib it has no plots and says so.

    Args:
        report: what it says.
        examples: of each model, by “lowest” and “highest”.
        flips: of each smaller file of the reference, the answers that lost most.
    """
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return render(
        _TEMPLATE,
        {"label": lambda model: visible(report.labels.label(model)), "visible": visible},
        table=report.table,
        small=SMALL,
        warnings=[*report.notes, *missing(report)],
        grids=grids(report),
        plots=[(plot, as_it_is(plot.svg)) for plot in plots(report)],
        no_plots=not installed(),
        reference=report.quantization.reference if report.quantization else "",
        examples=examples,
        flips=flips,
        script=as_it_is(_SCRIPT),
        policy=(
            f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'"
        ),
    )
