"""A report as text: Markdown in the shape of BELLE's two tables with an interval on every number, CSV, and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from belle.evaluation.answers.turn_costs import COST_TITLE, MEASURES, TurnCosts
from belle.evaluation.scores.report.contents import ScoreReport
from belle.evaluation.scores.report.grids import ScoreGrid
from belle.evaluation.scores.report.published import NOT_COMPARABLE, PUBLISHED
from belle.evaluation.scores.report.sections import AVERAGE, WITHOUT_OTHERS, grids
from belle.evaluation.scores.table import ScoreTable
from belle.texts import json_text, visible

SMALL = (
    "Each number has its 95 % interval; ± is the distance to its farther end. Of a class of n items it is rarely "
    "narrower than about ±0.6/√n: ±0.06 for a hundred."
)


def markdown(report: ScoreReport) -> str:
    """All tables, as Markdown."""
    table = report.table
    parts = [f"# {_escaped(table.set_name)}", f"Judge: {_escaped(table.judge)} ({table.prompts} prompts). {SMALL}"]
    warnings = [*report.notes, *missing(report)]
    parts += ["\n".join(f"- {_escaped(warning)}" for warning in warnings)] if warnings else []
    for number, grid in enumerate(grids(report)):
        parts += [f"## {grid.title}"] if number else []
        parts += [_grid(grid)] if grid.rows else []
        parts += [_escaped(note) for note in grid.notes]
    return "\n\n".join(parts) + "\n"


def missing(report: ScoreReport) -> list[str]:
    """Sentences about what is in no mean: items without an answer, answers without a score, classes without any."""
    label = report.labels.label
    sentences = [
        f"{label(row.model)}: {row.missing:,} items without an answer, {row.unscored:,} answers without a score; they "
        "are in no mean."
        for row in report.table.rows
        if row.missing or row.unscored
    ]
    for row in report.table.rows:
        empty = [name for name, mean in row.classes.items() if not mean.n]
        if empty and row.average.n:
            told = f"{label(row.model)}: no score in {', '.join(empty)}; its averages are over the other classes alone"
            sentences.append(f"{told}, and not comparable with those over all.")
    return sentences


def csv_text(report: ScoreReport) -> str:
    """One line for each model and class; the averages are classes, too, and so is each cost of a turn."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    labels = report.labels
    writer.writerow(["model", "class", "mean", "low", "high", "n", "label", *labels.columns])
    for row in report.table.rows:
        named = {AVERAGE: row.average, WITHOUT_OTHERS: row.without_others, "all items": row.everything}
        factors = [labels.label(row.model), *(labels.factor(row.model, column) for column in labels.columns)]
        for name, mean in {**named, **row.classes}.items():
            if mean.n:
                figures = [f"{figure:.6f}" for figure in (mean.value, mean.low, mean.high)]
                writer.writerow([row.model, name, *figures, mean.n, *factors])
        if row.model in report.costs:
            for name, *figures in _cost_figures(report.costs[row.model]):
                writer.writerow([row.model, name, *figures, report.costs[row.model].conversations, *factors])
    return out.getvalue()


def _cost_figures(costs: TurnCosts) -> Iterator[tuple[str, str, str, str]]:
    """A name, a mean and the ends of its interval, which are "" for a single conversation."""
    for measure, title in MEASURES.items():
        mean = costs.means[measure]
        if not math.isnan(mean.value):
            ends = [mean.value - mean.half, mean.value + mean.half] if math.isfinite(mean.half) else []
            low, high = [f"{end:.6f}" for end in ends] or ["", ""]
            yield f"{COST_TITLE.lower()}: {title}", f"{mean.value:.6f}", low, high


def json_document(report: ScoreReport) -> str:
    """All of it; a comparison is under `FIRST → SECOND`."""
    table: ScoreTable = report.table
    document = asdict(table) | {"pairs": {" → ".join(names): asdict(pair) for names, pair in table.pairs.items()}}
    for name in ("wins", "longest", "agreement", "quantization", "labels"):
        part = getattr(report, name)
        document[name] = None if part is None else asdict(part)
    document["costs"] = {model: asdict(costs) for model, costs in report.costs.items()}
    document["notes"] = list(report.notes)
    if report.published:
        document["published"] = {"note": NOT_COMPARABLE, "rows": [asdict(row) for row in PUBLISHED]}
    return json_text(_finite(document), indent=1) + "\n"


def _grid(grid: ScoreGrid) -> str:
    head = _line(grid.head)
    rule = f"|{'---|' * grid.n_texts}{'--:|' * (len(grid.head) - grid.n_texts)}"
    return "\n".join([head, rule, *(_line([cell.text for cell in row]) for row in grid.rows)])


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(map(_escaped, texts))} |"


def _escaped(text: str) -> str:
    text = " ".join(visible(text).split())
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _finite(value: object) -> object:
    """JSON has no NaN: a mean of nothing is null."""
    match value:
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
    return value
