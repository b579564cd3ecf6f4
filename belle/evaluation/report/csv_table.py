"""report.csv: one line per model, every figure in full precision."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from belle.evaluation.measurement import Measurement
from belle.evaluation.metric_table import BY_KEY, rows
from belle.evaluation.report.tasks import csv_cells, tasks_of


def csv_table(result: Measurement) -> str:
    """The text of the file, with a heading line."""
    extra = _all_quantiles(result)
    tasks = tasks_of(result)
    asked = [csv_cells(model) for model in (tasks.reference, *tasks.candidates)] if tasks else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["role", "name", "quantization", "sha256", *BY_KEY, *extra]
    writer.writerow([*head, *(asked[0] if asked else []), "failure"])
    for number, row in enumerate(rows(result)):
        loss: dict[str, Any] = asdict(row.loss) if row.loss else {}
        writer.writerow(
            [
                "candidate" if number else "reference",
                row.model.name,
                row.model.quantization,
                " ".join(row.model.files.values()),
                *(_cell(metric.value(row)) for metric in BY_KEY.values()),
                *(_cell(loss.get(kind, {}).get(fraction)) for kind, fraction in extra.values()),
                *(map(_cell, asked[number].values()) if asked else []),
                row.model.failure,
            ]
        )
    return text.getvalue()


def _all_quantiles(result: Measurement) -> dict[str, tuple[str, str]]:
    """Columns of the quantiles that are not in the tables: heading → (field of `Loss`, fraction)."""
    shown = {*BY_KEY, "kl_50"}
    first = next((candidate.loss for candidate in result.candidates if candidate.loss), None)
    columns = {}
    if first:
        for short, kind in (("kl", "kl_quantiles"), ("dp", "dp_quantiles")):
            for fraction in getattr(first, kind):
                name = f"{short}_{100 * float(fraction):g}"
                if name not in shown:
                    columns[name] = (kind, fraction)
    return columns


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)
