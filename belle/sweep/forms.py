"""The table of a sweep as text for a terminal, as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from belle.evaluation.intervals import PairedDifference
from belle.sweep.table import Estimate, SweepRow
from belle.texts import columns_of, json_text, padded

_NOTE = "± and … are 95 % intervals over items; [±] over seeds. Changes are against the first row."


def text_table(rows: Sequence[SweepRow]) -> str:
    """Columns for a terminal, and the runs that failed."""
    cells = _cells(rows)
    widths = [max(columns_of(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(map(padded, row, widths)).rstrip() for row in cells]
    return "\n".join([*lines, _NOTE, *_failures(rows)]) + "\n"


def markdown(rows: Sequence[SweepRow], title: str) -> str:
    """The table with a heading."""
    head, *body = [f"| {' | '.join(map(_escaped, row))} |" for row in _cells(rows)]
    grid = "\n".join([head, f"|{'---|' * len(_cells(rows)[0])}", *body])
    failures = "\n".join(f"- {_escaped(line)}" for line in _failures(rows))
    return "\n\n".join(filter(None, [f"# {_escaped(title)}", grid, _NOTE, failures])) + "\n"


def csv_text(rows: Sequence[SweepRow]) -> str:
    """A line for each row and figure."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["values", "figure", "value", "low", "high", "n", "seeds", "seed_half"])
    for row in rows:
        losses = {"loss": row.loss, "loss_change": row.loss_change}
        for name, figure in (losses | {"score": row.score, "score_change": row.score_change}).items():
            if figure is not None:
                half = figure.seed_half if isinstance(figure, Estimate) else None
                numbers = [f"{number:.6f}" for number in (figure.value, figure.low, figure.high)]
                shown = "" if half is None else f"{half:.6f}"
                writer.writerow([row.title, name, *numbers, figure.n, row.seeds, shown])
        for run, problem in row.problems.items():
            writer.writerow([row.title, "failed", f"{run}: {problem}", "", "", "", row.seeds, ""])
    return out.getvalue()


def json_document(rows: Sequence[SweepRow], facts: dict[str, Any]) -> str:
    """All of it."""
    return json_text(_finite({**facts, "rows": [asdict(row) for row in rows]}), indent=1) + "\n"


def _cells(rows: Sequence[SweepRow]) -> list[list[str]]:
    """The head and a line for each row; columns that no row fills are left out."""
    columns = {
        "values": [row.title for row in rows],
        "seeds": [str(row.seeds) for row in rows],
        "rows domain:general": [_mix(row, "rows") for row in rows],
        "tokens": [_mix(row, "tokens") for row in rows],
        "held-out loss": [_estimate(row.loss) for row in rows],
        "change of loss": [_change(row.loss_change) for row in rows],
        "score": [_estimate(row.score) for row in rows],
        "change of score": [_score_change(row.score_change) for row in rows],
        "failed": [str(len(row.problems)) if row.problems else "" for row in rows],
    }
    kept = {name: cells for name, cells in columns.items() if any(cells)}
    return [list(kept), *(list(line) for line in zip(*kept.values(), strict=True))]


def _mix(row: SweepRow, what: str) -> str:
    if not row.mix:
        return ""
    return f"{row.mix[f'domain_{what}']:,} : {row.mix[f'general_{what}']:,}"


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    half = (estimate.high - estimate.low) / 2
    seeds = f" [±{estimate.seed_half:.3f}]" if estimate.seed_half is not None else ""
    return f"{estimate.value:.3f} ±{half:.3f}{seeds}"


def _change(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:+.3f} ({estimate.low:+.3f} … {estimate.high:+.3f})"


def _score_change(change: PairedDifference | None) -> str:
    if change is None:
        return ""
    return f"{change.value:+.3f} ({change.low:+.3f} … {change.high:+.3f}), p {change.adjusted_p:.3f}"


def _failures(rows: Sequence[SweepRow]) -> list[str]:
    return [f"{run} failed: {problem}" for row in rows for run, problem in row.problems.items()]


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _finite(value: object) -> object:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
