"""`--by-layer` and `--suggest` without their command line: a sensitivity table per candidate, and suggested types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.evaluation.layers.costs import probe, recipe_kl, to_probe
from belle.evaluation.layers.exchange import ExchangeModel, LayerRecords
from belle.evaluation.layers.sensitivity import Clock, LayerSample, Progress, Sensitivity
from belle.evaluation.layers.sensitivity_table import SensitivityTable
from belle.evaluation.layers.suggest import Sizes, Suggestion, asked_bytes, suggest
from belle.evaluation.layers.weight_file import WeightFile, check_same_tensors
from belle.evaluation.measurement import Measurement, ModelFigures


@dataclass(frozen=True, slots=True)
class LayerRequest:
    """What to measure by layer.

    Attributes:
        reference, candidates: GGUF files.
        sample: the text to read.
        folder: for the results.
        resume: continue those of an earlier run.
        suggest: suggest types for a model of this many gigabytes; None for no suggestion.
    """

    reference: Path
    candidates: Sequence[Path]
    sample: LayerSample
    folder: Path
    resume: bool = False
    suggest: float | None = None


def check_layers(request: LayerRequest) -> None:
    """Check what would fail later, before anything is measured.

    Raises KnownError: "checkpoint_by_layer", "other_tensors", "split_file", "size_out_of_reach", and what `read_header`
    raises.
    """
    if request.reference.is_dir():
        raise KnownError(
            "checkpoint_by_layer",
            f"{request.reference} is a checkpoint; --by-layer exchanges the tensors of two GGUF files.",
            f"Convert it first: belle convert {request.reference} -o reference.gguf --type f16; then give that as REF.",
            path=str(request.reference),
        )
    reference = WeightFile(request.reference)
    for path in request.candidates:
        candidate = WeightFile(path)
        check_same_tensors(reference, candidate)
        if request.suggest is not None:
            asked_bytes(request.suggest, Sizes(reference, candidate))


def measure_layers(
    request: LayerRequest, before: Measurement, on_progress: Progress, add: Callable[[str, Any], None]
) -> None:
    """Make the tables; when an exception (Ctrl-C) ends it, with what was measured until then.

    Args:
        request: candidates that failed on the text are left out.
        before: the measurement on the text.
        on_progress: see `sensitivity.Progress`.
        add: called with the name and the JSON of a section of the report: "layers", "suggestion".

    Raises KnownError: what the parts raise.
    """
    pairs = zip(request.candidates, before.candidates, strict=True)
    usable: Mapping[Path, ModelFigures] = {path: one.model for path, one in pairs if not one.model.failure}
    if not usable:
        return
    reference = WeightFile(request.reference)
    files = [WeightFile(path) for path in usable]
    # The candidate with the most quantized tensors says most about the sensitivity of the reference.
    most_different = max(files, key=lambda file: (_n_other_types(reference, file), -file.header.size_bytes))
    tables: list[SensitivityTable] = []
    for i, file in enumerate(files):
        tries_types = request.suggest is not None and file is most_different
        identity = _identity(request, before.reference, usable[file.path])
        records = LayerRecords(request.folder / f"layers-{i}.jsonl", identity, resume=request.resume)
        analysis = Sensitivity(reference, file, request.sample, request.folder, try_types=tries_types, records=records)

        def report(words: str, done: int, total: int, left: float, name: str = file.path.name) -> None:
            on_progress(f"{name}: {words}", done, total, left)

        def suggest_types(
            model: ExchangeModel,
            file: WeightFile = file,
            analysis: Sensitivity = analysis,
            report: Progress = report,
        ) -> None:
            suggestion = _suggestion(request, reference, file, analysis, model=model, on_progress=report)
            add("suggestion", suggestion.as_json())

        try:
            analysis.run(report, suggest_types if tries_types else lambda _: None)
        finally:
            records.close()
            if table := analysis.result():
                tables.append(table)
                add("layers", [table.as_json() for table in tables])


def _identity(request: LayerRequest, reference: ModelFigures, candidate: ModelFigures) -> dict[str, Any]:
    """What the recovered divergence depends on."""
    return {
        "what": "belle measure --by-layer, answers of version 1",
        "reference": sorted(reference.files.values()),
        "candidate": sorted(candidate.files.values()),
        "text": sha256(request.sample.text.encode()).hexdigest(),
        "protocol": asdict(request.sample.protocol),
        "n_windows": request.sample.n_windows,
    }


def _suggestion(
    request: LayerRequest,
    reference: WeightFile,
    candidate: WeightFile,
    analysis: Sensitivity,
    *,
    model: ExchangeModel,
    on_progress: Progress,
) -> Suggestion:
    layers, errors, sizes = analysis.result(), analysis.errors, Sizes(reference, candidate)
    if layers is None or request.suggest is None:
        raise ValueError("a suggestion needs a table and a size")
    names = to_probe(errors, layers, analysis.n_singles(len(sizes.types)))
    probes = probe(model, reference, errors, names, Clock("trying types", len(names), on_progress).step)
    asked = asked_bytes(request.suggest, sizes)
    suggestion = suggest(asked, sizes, layers, errors, probes, candidate_size=candidate.header.size_bytes)
    recipe = recipe_kl(model, reference, suggestion.types, request.folder)
    return replace(suggestion, measured_kl=recipe.value, measured_error=recipe.error) if recipe else suggestion


def _n_other_types(reference: WeightFile, candidate: WeightFile) -> int:
    return sum(stored.type != reference.tensors[name].type for name, stored in candidate.tensors.items())
