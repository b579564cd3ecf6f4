"""`belle train report RUN`: one page about a run, made from the files in its folder.

Any file may be missing or cut off: a run that crashed is the one whose report is needed most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from belle.durable import write_text
from belle.errors import KnownError
from belle.report.curves import Curve
from belle.training.checkpoints.manifest import files_in, read_manifest
from belle.training.run_folder import RunFolder
from belle.training.tracking.run_data import CheckpointSummary, RunData, SampledAnswers
from belle.training.tracking.run_record import read_record, still_runs
from belle.training.tracking.tracker import read_steps

# The curves that come first, in this order; all others follow by name.
_FIRST = ("loss", "lr", "grad_norm", "tokens_per_s", "memory")

# Sums and positions, which only rise and need no curve.
_NO_CURVE = ("step", "epoch", "tokens", "seconds", "samples")


def write_report(folder: RunFolder, out: Path | None = None) -> Path:
    """Write the page about the run in `folder` to `out`, or to `report.html` in it. Returns its path.

    Raises KnownError: `not_a_run`, `run_not_readable`, `disk_full`, `folder_not_writable`.
    """
    from belle.training.tracking.page import page

    target = out or folder.report
    write_text(target, page(read_run(folder)))
    return target


def read_run(folder: RunFolder) -> RunData:
    """Everything that the report shows of a run. Raises KnownError (`not_a_run`, `run_not_readable`)."""
    path = folder.path
    if not any(file.is_file() for file in (folder.metrics, folder.record, folder.recipe)):
        problem = "does not exist" if not path.exists() else "is not a folder" if not path.is_dir() else "holds no run"
        raise KnownError(
            "not_a_run",
            f"{path} {problem}.",
            f"Name the output_dir of a recipe: the folder with {folder.metrics.name}.",
            path=str(path),
        )
    try:
        metrics = list(read_steps(folder.metrics))
        recipe = folder.recipe
        record = read_record(folder)
        return RunData(
            folder=path,
            metrics=metrics,
            curves=list(_curves(metrics)),
            not_finite=[row["step"] for row in metrics if "loss" in row and _number(row["loss"]) is None],
            answers=_answers(folder.samples),
            recipe=recipe.read_text(encoding="utf-8", errors="replace") if recipe.is_file() else "",
            record=record,
            status=_status(record),
            checkpoints=[_checkpoint(path) for path in _checkpoint_folders(folder)],
        )
    except OSError as error:
        raise KnownError(
            "run_not_readable",
            f"{error.filename or path} could not be read: {error.strerror or error}.",
            "Check the permissions of the folder.",
            path=str(path),
        ) from error


def _curves(metrics: list[dict[str, Any]]) -> Iterator[Curve]:
    points: dict[str, list[tuple[int, float]]] = {}
    for row in metrics:
        for name, value in row.items():
            number = _number(value)
            if number is not None and name not in _NO_CURVE:
                points.setdefault(name, []).append((row["step"], number))
    beside = {name for name in points if name.startswith("eval_") and name.removeprefix("eval_") in points}
    order = [name for name in _FIRST if name in points] + sorted(set(points) - set(_FIRST) - beside)
    for name in order:
        yield Curve(name, points[name], points.get(f"eval_{name}", ()))


def _number(value: Any) -> float | None:
    """`value` as a number that can be drawn; None when it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def _answers(path: Path) -> list[SampledAnswers]:
    by_prompt: dict[str, SampledAnswers] = {}
    for row in read_steps(path):
        prompt = str(row.get("prompt", ""))
        by_prompt.setdefault(prompt, SampledAnswers(prompt)).answers.append((row["step"], str(row.get("text", ""))))
    return list(by_prompt.values())


def _status(record: Mapping[str, Any]) -> str:
    sessions = record.get("sessions")
    last = sessions[-1] if isinstance(sessions, list) and sessions else None
    if not isinstance(last, dict):
        return "unknown"
    status = str(last.get("status", "unknown"))
    return "killed" if status == "running" and not still_runs(last) else status


def _checkpoint_folders(folder: RunFolder) -> list[Path]:
    final = [folder.final] if folder.final.is_dir() else []
    return [*map(folder.checkpoint, folder.steps()), *final]


def _checkpoint(path: Path) -> CheckpointSummary:
    sizes = files_in(path)
    n_bytes = sum(sizes.values())
    try:
        manifest = read_manifest(path)
    except KnownError as error:
        return CheckpointSummary(path.name, None, "", n_bytes, str(error.details["reason"]))
    wrong = [name for name, sealed in manifest.files.items() if sizes.get(name) != sealed.size]
    problem = f"{wrong[0]} is missing or has another size than was written" if wrong else ""
    return CheckpointSummary(path.name, manifest.step, manifest.written, n_bytes, problem)
