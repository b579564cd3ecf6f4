"""report.html: the figures, the plots and what is needed to repeat it, in one file without scripts or anything foreign.

Every text in it is escaped by jinja2; only the plots, which are drawn here, go in as they are.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from belle import paths
from belle.evaluation.measurement import Measurement
from belle.evaluation.report.columns import rows_with_figures, tables
from belle.evaluation.report.facts import ONLY_BYTES, PROTOCOL, about_text, failures, repeat
from belle.evaluation.report.layers import grids as layer_grids
from belle.evaluation.report.layers import layers_of, suggestion_grid, suggestion_of
from belle.evaluation.report.plots import installed, plots
from belle.evaluation.report.tasks import about_tasks, grids, tasks_of, unfinished

_MOST_FLIPS = 200
_MOST_TENSORS = 60
_TEMPLATE = Path(__file__).with_name("page.html.j2")
_COLOURS = ("page", "code", "ink", "ink-2", "ink-3", "line", "violet", "good", "warn", "bad")
# Eight colours that differ in lightness as well as in hue, for each theme.
_SERIES = {
    "light": ("#5B3FD6", "#C2410C", "#1E7F4F", "#0369A1", "#B3261E", "#7A5C00", "#9D2B7E", "#4B5563"),
    "dark": ("#A594FF", "#FFA36B", "#5CC98F", "#6CC3F5", "#FF8A80", "#E5C454", "#F08CD2", "#B8C0CC"),
}


def page(result: Measurement) -> str:
    """The HTML of the page. Without matplotlib it has no plots and says so."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    tasks = tasks_of(result)
    suggestion = suggestion_of(result)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        result=result,
        about=about_text(result),
        protocol=ONLY_BYTES if result.only_bytes else PROTOCOL,
        failures=failures(result),
        tables=[
            (
                title,
                columns,
                [(row, [column.words(row) for column in columns]) for row in rows_with_figures(result, columns)],
            )
            for title, columns in tables(result)
        ],
        # Drawn here from numbers; matplotlib escapes the names.
        plots=[(plot, Markup(plot.svg)) for plot in plots(result)],  # noqa: S704
        no_plots=not installed(),
        about_tasks=about_tasks(tasks) if tasks else "",
        unfinished_tasks=unfinished(tasks) if tasks else [],
        task_grids=list(grids(tasks, most_flips=_MOST_FLIPS)) if tasks else [],
        layer_grids=list(layer_grids(layers_of(result), most_tensors=_MOST_TENSORS)),
        suggestion=suggestion,
        suggestion_grid=suggestion_grid(suggestion) if suggestion else None,
        tokens=result.extra.get("tokens"),
        repeat=list(repeat(result)),
        light=_colours("light"),
        dark=_colours("dark"),
    )


def _colours(theme: str) -> str:
    """The window's colours, and those of the plots, as CSS variables."""
    values = tomllib.loads(paths.asset("theme.toml").read_text(encoding="utf-8"))[theme]
    own = " ".join(f"--{name}: {values[name]};" for name in _COLOURS)
    return own + " " + " ".join(f"--series-{i}: {value};" for i, value in enumerate(_SERIES[theme]))
