"""`belle measure --tasks` without its command line: asks the models, and adds the figures to those of the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from belle.environment import machine, versions
from belle.errors import KnownError
from belle.evaluation.measurement import CandidateFigures, Measurement, ModelFigures
from belle.evaluation.sources.memory_watch import peak_memory
from belle.evaluation.sources.model_files import ModelFiles, model_files
from belle.evaluation.tasks.items import ItemSet
from belle.evaluation.tasks.result import TaskMeasurement
from belle.evaluation.tasks.task_run import Progress, TaskOptions, TaskRun
from belle.evaluation.text.aggregate import KL_EDGES
from belle.gguf.reader import read_header


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What to ask, see `TaskRun`. `command` is the command line, for the report."""

    reference: Path
    candidates: Sequence[Path]
    items: ItemSet
    options: TaskOptions
    folder: Path
    command: Sequence[str]


def measure_tasks(
    request: TaskRequest,
    before: Measurement | None,
    on_progress: Progress,
    write: Callable[[Measurement], None],
) -> Measurement:
    """Ask every model, and call `write` with the result, also when an exception (Ctrl-C) ends it.

    Args:
        before: the measurement of the same models on a text; None when none was read.

    Raises KnownError: what `TaskRun` raises, before anything is asked; what its `run` raises; "candidate_failed"
    after the report when a candidate had to be given up here that had not been given up before.
    """
    started, began = datetime.now(UTC).isoformat(timespec="seconds"), monotonic()
    paths = [request.reference, *request.candidates]
    known = [before.reference, *(candidate.model for candidate in before.candidates)] if before else []
    run = TaskRun(paths, request.items, request.options, request.folder, hashes=[model.files for model in known])

    def finish() -> tuple[Measurement, TaskMeasurement]:
        figures = run.figures()
        base = before or _without_text(request, run.hashes, started)
        result = replace(
            base,
            seconds=base.seconds + monotonic() - began,
            peak_memory=peak_memory(),
            extra={**base.extra, "tasks": figures.to_data()},
        )
        write(result)
        return result, figures

    try:
        run.run(on_progress)
    except BaseException:
        if run.n_done:
            finish()
        raise
    result, figures = finish()
    asked = zip(result.candidates, figures.candidates, strict=True)
    failed = [(one.model.path, tasks) for one, tasks in asked if tasks.failure and not one.model.failure]
    if failed:
        raise KnownError(
            "candidate_failed",
            " ".join(f"{tasks.name} was given up. {tasks.failure}" for _, tasks in failed),
            "The report holds what was measured before. Convert the file again, or from a checkpoint that is whole.",
            candidates=[path for path, _ in failed],
        )
    return result


def _without_text(request: TaskRequest, hashes: Sequence[Mapping[str, str]], started: str) -> Measurement:
    """A measurement with what the files' headers say, and nothing of a text."""
    files = map(model_files, (request.reference, *request.candidates))
    reference, *candidates = (_figures(file, digests) for file, digests in zip(files, hashes, strict=True))
    return Measurement(
        reference=reference,
        candidates=[CandidateFigures(model, None, [], [], {}) for model in candidates],
        text=None,
        only_bytes=False,
        position_bins=[],
        kl_edges=KL_EDGES,
        command=list(request.command),
        started=started,
        seconds=0.0,
        peak_memory=None,
        versions=versions(),
        machine=machine(),
    )


def _figures(file: ModelFiles, hashes: Mapping[str, str]) -> ModelFigures:
    return ModelFigures(
        name=file.path.name,
        path=str(file.path),
        files=dict(hashes),
        architecture=file.architecture,
        quantization=file.quantization,
        size=file.size,
        n_params=file.n_params,
        bits_per_weight=file.bits_per_weight,
        n_vocab=read_header(file.path).n_vocab,
        ppl=None,
        bits_per_byte=None,
        prefill=None,
        decode=None,
        memory=None,
        nll_by_position=[],
        nll_by_script={},
    )
