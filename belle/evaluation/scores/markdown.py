"""The score table as text: in the shape of BELLE's two tables, with an interval on every number."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict

from belle.evaluation.intervals import ScoreMean
from belle.evaluation.scores.table import ScoreTable
from belle.texts import json_text

SMALL = (
    "Each number has its 95 % interval. A class of n items cannot be known better than about ±0.7/√n: "
    "±0.07 for a hundred."
)


def words(mean: ScoreMean) -> str:
    """`0.712 ±0.034`, or a dash where there is none."""
    return f"{mean.value:.3f} ±{mean.half:.3f}" if mean.n else "–"


def markdown(table: ScoreTable) -> str:
    """The table, the comparisons and the judge's self-checks, as Markdown."""
    head = ["model", "Average Score", "Score_w/o_others", *table.classes]
    rows = [
        [row.model, words(row.average), words(row.without_others), *map(words, row.classes.values())]
        for row in table.rows
    ]
    counts = ["items", "", "", *map(str, table.classes.values())]
    parts = [
        f"# {table.set_name}",
        f"Judge: {table.judge} ({table.prompts} prompts). {SMALL}",
        _grid([head, *rows, counts]),
    ]
    notes = [
        f"{row.model}: {row.missing:,} items without an answer, {row.unscored:,} answers without a score"
        for row in table.rows
        if row.missing or row.unscored
    ]
    parts += ["\n".join(f"- {_escaped(note)}" for note in notes)] if notes else []
    if table.pairs:
        parts += ["## Against each other", _grid(_pairs(table)), "p is Holm's, over all comparisons of this table."]
    if table.self_checks:
        checks = [["answer", "mean", "n"]]
        checks += [[name, words(mean), str(mean.n)] for name, mean in table.self_checks.items()]
        parts += ["## The judge, on answers whose worth is known", _grid(checks)]
    return "\n\n".join(parts) + "\n"


def csv_text(table: ScoreTable) -> str:
    """One line for each model and class; the averages are classes, too."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["model", "class", "mean", "low", "high", "n"])
    for row in table.rows:
        named = {"Average Score": row.average, "Score_w/o_others": row.without_others, "all items": row.everything}
        for name, mean in {**named, **row.classes}.items():
            if mean.n:
                figures = [f"{figure:.6f}" for figure in (mean.value, mean.low, mean.high)]
                writer.writerow([row.model, name, *figures, mean.n])
    return out.getvalue()


def json_document(table: ScoreTable) -> str:
    """All of it; a comparison is under `FIRST → SECOND`."""
    document = asdict(table) | {"pairs": {" → ".join(names): asdict(pair) for names, pair in table.pairs.items()}}
    return json_text(_finite(document), indent=1) + "\n"


def _pairs(table: ScoreTable) -> list[list[str]]:
    head = ["first", "second", "difference", "95 % interval", "n", "p"]
    return [
        head,
        *(
            [
                first,
                second,
                f"{pair.value:+.3f}",
                f"{pair.low:+.3f} … {pair.high:+.3f}",
                str(pair.n),
                p_words(pair.adjusted_p),
            ]
            for (first, second), pair in table.pairs.items()
        ),
    ]


def p_words(p: float) -> str:
    """A p-value with as many digits as mean something."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _grid(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(map(_escaped, row))} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


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
