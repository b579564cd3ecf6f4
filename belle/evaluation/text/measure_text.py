"""`belle measure --text` without its command line: runs the models on a text and builds the `Measurement`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from belle.engine.process.commands import KvType
from belle.environment import machine, versions
from belle.errors import KnownError
from belle.evaluation.measurement import CandidateFigures, Measurement, ModelFigures, TextFigures
from belle.evaluation.sources.memory_watch import peak_memory
from belle.evaluation.text.aggregate import KL_EDGES, position_bins
from belle.evaluation.text.perplexity_run import PerplexityRun, Progress
from belle.evaluation.windows import EvaluationText, Protocol

_Figures = tuple[ModelFigures, list[CandidateFigures], TextFigures]


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What to measure.

    Attributes:
        reference, candidates, text, protocol, resume, threads, kv_type: see `PerplexityRun`.
        only_bytes: the models have different vocabularies: run one after the other, and compare bits per byte alone.
        folder: for the records.
        command: the command line, for the report.
    """

    reference: Path
    candidates: Sequence[Path]
    text: EvaluationText
    protocol: Protocol
    folder: Path
    command: Sequence[str]
    only_bytes: bool = False
    resume: bool = False
    threads: int = 0
    kv_type: KvType = "f16"


def measure_text(request: TextRequest, on_progress: Progress, write: Callable[[Measurement], None]) -> Measurement:
    """Measure, and call `write` with the result, also when an exception (Ctrl-C, a broken reference) ends it.

    Raises KnownError: what `PerplexityRun` raises before anything is measured (then nothing is written); what its `run`
    raises; "candidate_failed" after the report when a candidate had to be given up.
    """
    started, began = datetime.now(UTC).isoformat(timespec="seconds"), monotonic()

    def finish(figures: _Figures) -> Measurement:
        reference, candidates, text = figures
        result = Measurement(
            reference=reference,
            candidates=candidates,
            text=text,
            only_bytes=request.only_bytes,
            position_bins=position_bins(request.protocol),
            kl_edges=KL_EDGES,
            command=list(request.command),
            started=started,
            seconds=monotonic() - began,
            peak_memory=peak_memory(),
            versions=versions(),
            machine=machine(),
        )
        write(result)
        return result

    result = (_one_by_one if request.only_bytes else _in_step)(request, on_progress, finish)
    failed = [candidate.model for candidate in result.candidates if candidate.model.failure]
    if failed:
        raise KnownError(
            "candidate_failed",
            " ".join(f"{model.name} was given up. {model.failure}" for model in failed),
            "The report holds what was measured before. Convert the file again, or from a checkpoint that is whole.",
            candidates=[model.path for model in failed],
        )
    return result


def _in_step(request: TextRequest, on_progress: Progress, finish: Callable[[_Figures], Measurement]) -> Measurement:
    with PerplexityRun(
        request.reference,
        request.candidates,
        request.text,
        request.protocol,
        request.folder / "tokens.records",
        resume=request.resume,
        threads=request.threads,
        kv_type=request.kv_type,
    ) as run:
        try:
            run.run(on_progress)
        except BaseException:
            if run.n_done:
                finish(run.figures())
            raise
        return finish(run.figures())


def _one_by_one(request: TextRequest, on_progress: Progress, finish: Callable[[_Figures], Measurement]) -> Measurement:
    models: list[ModelFigures] = []
    texts: list[TextFigures] = []

    def so_far() -> _Figures:
        return models[0], [CandidateFigures(model, None, [], [], {}) for model in models[1:]], texts[0]

    for number, path in enumerate((request.reference, *request.candidates)):
        try:
            with PerplexityRun(
                path,
                (),
                request.text,
                request.protocol,
                request.folder / f"tokens-{number}.records",
                resume=request.resume,
                threads=request.threads,
            ) as run:
                run.run(on_progress)
                figures, _, text = run.figures()
        except BaseException:
            if models:
                finish(so_far())
            raise
        models.append(figures)
        texts.append(text)
    return finish(so_far())
