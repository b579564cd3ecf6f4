"""report.md, and the summary for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from belle.evaluation.measurement import Measurement
from belle.evaluation.metric_table import Metric, ModelRow, rows, rows_with_figures, tables
from belle.evaluation.report.facts import ONLY_BYTES, PROTOCOL, about_text, failures, repeat
from belle.evaluation.report.layers import grids as layer_grids
from belle.evaluation.report.layers import layers_of, suggestion_grid, suggestion_of, summary_lines
from belle.evaluation.report.tasks import TextGrid, about_tasks, grids, summary_rows, tasks_of, unfinished

_MOST_FLIPS = 60
_MOST_TENSORS = 40


def markdown(result: Measurement) -> str:
    """The whole report as Markdown."""
    lines = [f"# {_plain(result.reference.name)}: what quantization cost", ""]
    lines += [_plain(about_text(result)), ""] if result.text else []
    lines += [f"**{_plain(failure)}**\n" for failure in failures(result)]
    lines += [ONLY_BYTES if result.only_bytes else PROTOCOL, ""] if result.text else []
    for title, metrics in tables(result):
        lines += [f"## {title}", "", *_table(rows_with_figures(result, metrics), metrics), ""]
    if tasks := tasks_of(result):
        lines += [_plain(about_tasks(tasks)), "", *(f"**{_plain(words)}**\n" for words in unfinished(tasks))]
        for grid in grids(tasks, most_flips=_MOST_FLIPS):
            lines += [f"## {_plain(grid.title)}", "", _plain(grid.words), "", *_grid(grid), ""]
    for grid in layer_grids(layers_of(result), most_tensors=_MOST_TENSORS):
        lines += [f"## {_plain(grid.title)}", "", _plain(grid.words), "", *_grid(grid), ""]
    if suggestion := suggestion_of(result):
        grid = suggestion_grid(suggestion)
        lines += [f"## {grid.title}", "", _plain(grid.words), "", f"    {suggestion.command}", "", *_grid(grid), ""]
    lines += ["## To repeat it", "", *(f"- {_plain(name)}: `{value}`" for name, value in repeat(result)), ""]
    return "\n".join(lines)


def summary(result: Measurement) -> str:
    """A table for the terminal, its columns aligned."""
    shown = [metric for _, metrics in tables(result) for metric in metrics if "summary" in metric.also]
    cells = [["", *(metric.name for metric in shown)]]
    cells += [[row.model.name, *(metric.words(row) for metric in shown)] for row in rows(result)]
    tasks = tasks_of(result)
    parts = [_aligned(cells), *([_aligned(summary_rows(tasks))] if tasks else []), "\n".join(summary_lines(result))]
    return "\n\n".join(filter(None, parts))


def _aligned(cells: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    )


def _table(shown: Sequence[ModelRow], metrics: Sequence[Metric]) -> list[str]:
    head = ["Model", *(metric.name for metric in metrics)]
    lines = [head, ["---", *["---:"] * len(metrics)]]
    lines += [[_plain(row.model.name), *(metric.words(row) for metric in metrics)] for row in shown]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _grid(grid: TextGrid) -> list[str]:
    sides = ["---" if i < grid.lead else "---:" for i in range(len(grid.head))]
    lines = [grid.head, sides, *(list(map(_plain, row)) for row in grid.rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _plain(text: str) -> str:
    """`text` with Markdown's special characters escaped, in one line."""
    for character in "\\`*_|<[":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")
