"""A run as its report shows it: steps, checkpoints, and the answers of the model during the training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle.report.curves import Curve


@dataclass(frozen=True)
class CheckpointSummary:
    """A checkpoint as the page lists it. `problem` says what is wrong with it; its files are not hashed for this."""

    name: str
    step: int | None
    written: str
    n_bytes: int
    problem: str


@dataclass(frozen=True)
class SampledAnswers:
    """The answers to one prompt as (step, text), the earliest first."""

    prompt: str
    answers: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class RunData:
    """A run, read from its folder.

    Attributes:
        metrics: the lines of metrics.jsonl.
        curves: those of the metrics, the loss first.
        not_finite: the steps whose loss was not a finite number.
        record: the content of run.json.
        status: `finished`, `stopped`, `failed`, `running`, `killed`, or `unknown` for a run without a record.
    """

    folder: Path
    metrics: list[dict[str, Any]]
    curves: list[Curve]
    not_finite: list[int]
    answers: list[SampledAnswers]
    recipe: str
    record: dict[str, Any]
    status: str
    checkpoints: list[CheckpointSummary]
