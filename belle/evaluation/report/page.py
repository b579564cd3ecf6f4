"""report.html: the figures, the plots and what is needed to repeat it, in one file without scripts or external parts.

All text is escaped by jinja2, except for the plots, which are drawn here.
"""

from __future__ import annotations

from pathlib import Path

from belle.evaluation.measurement import Measurement
from belle.evaluation.metric_table import rows_with_figures, tables
from belle.evaluation.report.facts import ONLY_BYTES, PROTOCOL, about_text, failures, repeat
from belle.evaluation.report.layers import grids as layer_grids
from belle.evaluation.report.layers import layers_of, suggestion_grid, suggestion_of
from belle.evaluation.report.plots import installed, plots
from belle.evaluation.report.tasks import about_tasks, grids, tasks_of, unfinished
from belle.report.html import as_it_is, render

_MOST_FLIPS = 200
_MOST_TENSORS = 60
_TEMPLATE = Path(__file__).with_name("page.html.j2")


def page(result: Measurement) -> str:
    """The HTML of the page. Without matplotlib it has no plots and says so."""
    tasks = tasks_of(result)
    suggestion = suggestion_of(result)
    return render(
        _TEMPLATE,
        result=result,
        about=about_text(result),
        protocol=ONLY_BYTES if result.only_bytes else PROTOCOL,
        failures=failures(result),
        tables=[
            (
                title,
                metrics,
                [(row, [metric.words(row) for metric in metrics]) for row in rows_with_figures(result, metrics)],
            )
            for title, metrics in tables(result)
        ],
        # Drawn here from numbers; matplotlib escapes the names.
        plots=[(plot, as_it_is(plot.svg)) for plot in plots(result)],
        no_plots=not installed(),
        about_tasks=about_tasks(tasks) if tasks else "",
        unfinished_tasks=unfinished(tasks) if tasks else [],
        task_grids=list(grids(tasks, most_flips=_MOST_FLIPS)) if tasks else [],
        layer_grids=list(layer_grids(layers_of(result), most_tensors=_MOST_TENSORS)),
        suggestion=suggestion,
        suggestion_grid=suggestion_grid(suggestion) if suggestion else None,
        tokens=result.extra.get("tokens"),
        repeat=list(repeat(result)),
    )
