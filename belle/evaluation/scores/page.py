"""The score table as one HTML file: tables that sort by a click, a plot of the classes, and answers to read.

What models wrote is hostile: jinja2 escapes all of it, and the page may run nothing but its own script.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from belle.evaluation.scores.examples import ScoredExample
from belle.evaluation.scores.markdown import SMALL, p_words, words
from belle.evaluation.scores.table import ScoreTable
from belle.report.html import as_it_is, render
from belle.report.svg import N_SERIES, colour, draw

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


def page(table: ScoreTable, examples: Mapping[str, Mapping[str, Sequence[ScoredExample]]]) -> str:
    """The HTML of the page. Without matplotlib it has no plot and says so.

    Args:
        table: of the models.
        examples: of each model, by “lowest” and “highest”.
    """
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return render(
        _TEMPLATE,
        {"words": words, "p": p_words},
        table=table,
        small=SMALL,
        examples=examples,
        plot=as_it_is(_plot(table)) if importlib.util.find_spec("matplotlib") else "",
        script=as_it_is(_SCRIPT),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
    )


def _plot(table: ScoreTable) -> str:
    """The classes from left to right, a dot with its interval for each model."""
    names = [name for name in table.classes if any(row.classes[name].n for row in table.rows)]

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        for number, row in enumerate(table.rows):
            offset = (number - (len(table.rows) - 1) / 2) * 0.7 / max(len(table.rows), 1)
            means = [(index + offset, row.classes[name]) for index, name in enumerate(names) if row.classes[name].n]
            axes.errorbar(
                [x for x, _ in means],
                [mean.value for _, mean in means],
                yerr=[[mean.value - mean.low for _, mean in means], [mean.high - mean.value for _, mean in means]],
                fmt="o",
                markersize=4,
                capsize=2,
                color=colour(f"series-{number % N_SERIES}"),
                label=row.model[:40],
            )
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", color=colour("ink-2"))
        axes.set_ylim(0, 1)
        axes.tick_params(colors=colour("ink-3"))
        axes.grid(axis="y", color=colour("line"))
        axes.spines[:].set_visible(False)
        axes.legend(frameon=False, labelcolor=colour("ink"))

    return draw("scores", (10, 4), paint)
