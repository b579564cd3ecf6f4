"""The results of MME as Markdown, as JSON and as a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle.evaluation.mme.questions import TASKS
from belle.evaluation.mme.scoring import PARTS, Drawn, MmeScores, MmeSum, MmeTaskScore
from belle.report.html import render
from belle.texts import json_text, visible

_TEMPLATE = Path(__file__).with_name("page.html.j2")

NOTE = (
    "Scored as MME's authors do: an answer is read by its first four letters; what is neither yes nor no is other, and "
    "wrong. Accuracy is of questions, accuracy+ of pictures with both questions right, the score 100 · accuracy + "
    "100 · accuracy+. Intervals are 95 %, by drawing pictures anew. Yes: share of all answers; half of the right "
    "answers are yes."
)
_COMPARED = "Differences are from the first model, on the same pictures."


@dataclass(frozen=True, slots=True)
class MmeTable:
    """A table of texts; the first column is words, the others are figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(results: Sequence[MmeScores]) -> list[MmeTable]:
    """The sums of all models, then the sub-tasks of each."""
    return [_sums(results), *map(_tasks, results)]


def note(results: Sequence[MmeScores]) -> str:
    """What the figures mean."""
    return f"{NOTE} {_COMPARED}" if len(results) > 1 else NOTE


def markdown(results: Sequence[MmeScores]) -> str:
    """The report in Markdown."""
    parts = ["# MME", note(results)]
    for table in tables(results):
        ruler = ["---", *["--:"] * (len(table.head) - 1)]
        lines = [_line(table.head), f"|{'|'.join(ruler)}|", *map(_line, table.rows)]
        parts += [f"## {visible(table.title)}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def json_document(results: Sequence[MmeScores]) -> str:
    """All figures as JSON: accuracies from 0 to 1, scores in points."""
    models: list[dict[str, Any]] = [dataclasses.asdict(result) for result in results]
    return json_text({"benchmark": "MME", "models": models}, indent=1) + "\n"


def page(results: Sequence[MmeScores]) -> str:
    """The report as one HTML file."""
    return render(_TEMPLATE, {"visible": visible}, tables=tables(results), note=note(results))


def _sums(results: Sequence[MmeScores]) -> MmeTable:
    parts = [part for part in PARTS if any(part in result.sums for result in results)]
    several = len(results) > 1
    head = ["Model"]
    for part in parts:
        most = max(result.sums[part].most for result in results if part in result.sums)
        head += [f"{part.capitalize()}, of {most}", "95 %", *(["Difference", "95 %"] if several else [])]
    rows = []
    for result in results:
        row = [result.model]
        for part in parts:
            row += _sum_cells(result.sums[part], several=several)
        answers = 2 * sum(task.n_pictures for task in result.tasks.values())
        other, yes = (sum(getattr(task, name) for task in result.tasks.values()) for name in ("other", "yes"))
        rows.append([*row, f"{other:,}", _percent(yes / answers)])
    return MmeTable("Sums", [*head, "Other", "Yes"], rows)


def _sum_cells(total: MmeSum, *, several: bool) -> list[str]:
    cells = _with_interval(total.score)
    if not several:
        return cells
    change = total.difference
    return [
        *cells,
        *(["", ""] if change is None else [f"{change.value:+.2f}", f"{change.low:+.1f} to {change.high:+.1f}"]),
    ]


def _tasks(result: MmeScores) -> MmeTable:
    head = ["Sub-task", "Pictures", "Accuracy", "95 %", "Accuracy+", "95 %", "Score, of 200", "95 %", "Other", "Yes"]
    rows = [_task_row(name, result.tasks[name]) for name in TASKS if name in result.tasks]
    return MmeTable(result.model, head, rows)


def _task_row(name: str, task: MmeTaskScore) -> list[str]:
    shares = [cell for share in (task.accuracy, task.accuracy_plus) for cell in (_percent(share.value), _range(share))]
    yes = _percent(task.yes / (2 * task.n_pictures))
    return [name, f"{task.n_pictures:,}", *shares, *_with_interval(task.score), f"{task.other:,}", yes]


def _with_interval(figure: Drawn) -> list[str]:
    return [f"{figure.value:.2f}", f"{figure.low:.1f} to {figure.high:.1f}"]


def _range(share: Drawn) -> str:
    return f"{100 * share.low:.1f} to {100 * share.high:.1f} %"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(visible(cell).replace('|', chr(92) + '|') for cell in cells)} |"
