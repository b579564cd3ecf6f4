"""`--by-layer`, `--suggest` and `--by-token` without their command line: what is found joins the measurement."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.layers.costs import probe, recipe_kl, to_probe
from belle.evaluation.layers.exchange import KeptBacks, RestoredModel
from belle.evaluation.layers.layer_loss import LayerLoss
from belle.evaluation.layers.sensitivity import N_WINDOWS, Clock, Progress, Sample, Sensitivity
from belle.evaluation.layers.suggest import Sizes, Suggestion, asked_bytes, suggest
from belle.evaluation.layers.weight_file import WeightFile, check_same_tensors
from belle.evaluation.measurement import Measurement, ModelFigures
from belle.evaluation.sources.llama import LlamaSource, text_tokens, window_bos
from belle.evaluation.sources.transformers import TransformersSource
from belle.evaluation.text.session import Text
from belle.evaluation.tokens.page import token_page
from belle.evaluation.tokens.view import PAGE_WINDOWS, page_protocol, token_views
from belle.evaluation.windows import Protocol, cut

PAGE = "tokens.html"

Write = Callable[[Measurement], None]


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """Where the loss is to be looked for.

    Attributes:
        reference, candidates, text, protocol, folder, resume, threads: as in `belle.evaluation.tasks.measure.Request`.
        by_layer: make a sensitivity table of every candidate.
        layer_windows, layer_tensors: see `sensitivity.Sample`.
        suggest: gigabytes of a model to find types for; None for no suggestion.
        by_token: write the page of the text.
        token_windows: how much of it.
    """

    reference: Path
    candidates: Sequence[Path]
    text: Text
    protocol: Protocol
    folder: Path
    threads: int = 0
    resume: bool = False
    by_layer: bool = False
    layer_windows: int = N_WINDOWS
    layer_tensors: int | None = None
    suggest: float | None = None
    by_token: bool = False
    token_windows: int = PAGE_WINDOWS

    @property
    def sample(self) -> Sample:
        """What is read by layer. Raises KnownError("bad_option")."""
        return Sample(
            self.text.content,
            self.protocol,
            n_windows=self.layer_windows,
            n_tensors=self.layer_tensors,
            threads=self.threads,
        )


def check_places(request: PlaceRequest) -> None:
    """Whatever can be known to go wrong, before anything is measured.

    Raises KnownError: "bad_option", "checkpoint_by_layer", "other_tensors", "split_file", "size_out_of_reach", and what
    `read_header` raises.
    """
    if request.by_token:
        page_protocol(request.protocol, request.token_windows)
    if not request.by_layer:
        return
    _ = request.sample  # checks itself
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


def measure_places(request: PlaceRequest, before: Measurement, on_progress: Progress, write: Write) -> Measurement:
    """Look for the loss, and call `write` with every part that is found, also when an exception (Ctrl-C) ends it.

    Candidates that were given up are left out. Raises KnownError: what the parts raise.
    """
    result = before
    began = monotonic()

    def add(name: str, value: Any) -> None:
        nonlocal result
        result = replace(result, seconds=before.seconds + monotonic() - began, extra={**result.extra, name: value})
        write(result)

    pairs = zip(request.candidates, before.candidates, strict=True)
    usable = {path: one.model for path, one in pairs if not one.model.failure}
    if request.by_layer and usable:
        _by_layer(request, before, usable, on_progress, add)
    if request.by_token and usable:
        _by_token(request, list(usable), on_progress, add)
    return result


def _by_layer(
    request: PlaceRequest,
    before: Measurement,
    candidates: Mapping[Path, ModelFigures],
    on_progress: Progress,
    add: Callable[[str, Any], None],
) -> None:
    reference = WeightFile(request.reference)
    files = [WeightFile(path) for path in candidates]
    # The most different one tells most about how sensitive the reference is.
    teacher = max(files, key=lambda file: (_n_other_types(reference, file), -file.header.size_bytes))
    tables: list[LayerLoss] = []
    for i, file in enumerate(files):
        teaches = request.suggest is not None and file is teacher
        identity = _identity(request, before, candidates[file.path])
        kept = KeptBacks(request.folder / f"layers-{i}.jsonl", identity, resume=request.resume)
        analysis = Sensitivity(reference, file, request.sample, request.folder, try_types=teaches, kept=kept)

        def report(words: str, done: int, total: int, left: float, name: str = file.path.name) -> None:
            on_progress(f"{name}: {words}", done, total, left)

        def then(
            model: RestoredModel,
            file: WeightFile = file,
            analysis: Sensitivity = analysis,
            report: Progress = report,
        ) -> None:
            found = _suggestion(request, reference, file, analysis, model=model, on_progress=report)
            add("suggestion", found.as_json())

        try:
            analysis.run(report, then if teaches else lambda _: None)
        finally:
            kept.close()
            if table := analysis.result():
                tables.append(table)
                add("layers", [table.as_json() for table in tables])


def _identity(request: PlaceRequest, before: Measurement, candidate: ModelFigures) -> dict[str, Any]:
    """What the loss that comes back depends on."""
    return {
        "what": "belle measure --by-layer, answers of version 1",
        "reference": sorted(before.reference.files.values()),
        "candidate": sorted(candidate.files.values()),
        "text": sha256(request.text.content.encode()).hexdigest(),
        "protocol": asdict(request.protocol),
        "n_windows": request.layer_windows,
    }


def _suggestion(
    request: PlaceRequest,
    reference: WeightFile,
    candidate: WeightFile,
    analysis: Sensitivity,
    *,
    model: RestoredModel,
    on_progress: Progress,
) -> Suggestion:
    layers, errors, sizes = analysis.result(), analysis.errors, Sizes(reference, candidate)
    if layers is None or request.suggest is None:
        raise ValueError("a suggestion needs a table and a size")
    names = to_probe(errors, layers, analysis.n_singles(len(sizes.types)))
    probes = probe(model, reference, errors, names, Clock("trying types", len(names), on_progress).step)
    asked = asked_bytes(request.suggest, sizes)
    found = suggest(asked, sizes, layers, errors, probes, candidate_size=candidate.header.size_bytes)
    tried = recipe_kl(model, reference, found.types, request.folder)
    return replace(found, measured_kl=tried.value, measured_error=tried.error) if tried else found


def _n_other_types(reference: WeightFile, candidate: WeightFile) -> int:
    return sum(stored.type != reference.tensors[name].type for name, stored in candidate.tensors.items())


def _by_token(
    request: PlaceRequest, candidates: Sequence[Path], on_progress: Progress, add: Callable[[str, Any], None]
) -> None:
    protocol = page_protocol(request.protocol, request.token_windows)
    with contextlib.ExitStack() as stack:
        others = [LlamaSource(path, protocol, threads=request.threads) for path in candidates]
        for source in others:
            stack.callback(source.close)
        reference: LlamaSource | TransformersSource
        if request.reference.is_dir():
            reference = TransformersSource(request.reference, threads=request.threads)
        else:
            reference = LlamaSource(request.reference, protocol, threads=request.threads)
        stack.callback(reference.close)
        vocabulary = others[0].vocabulary
        tokens = text_tokens(vocabulary, request.text.content)
        windows = cut(tokens, protocol, window_bos(vocabulary))
        began = monotonic()

        def report(done: int) -> None:
            left = (monotonic() - began) / done * (len(windows) - done)
            on_progress("tokens: windows", done, len(windows), left)

        views = list(token_views([reference, *others], windows, report))
        context = windows[0].ids[: windows[0].first + 1]
        shown = len(context) + len(views)
        how = f"the first {shown:,} of {len(tokens):,} tokens" if shown < len(tokens) else f"{shown:,} tokens"
        about = (
            f"{request.text.name}: {how}, in {len(windows)} windows of {protocol.n_ctx}. The first {len(context):,} "
            "tokens, in grey, are read only."
        )
        page = token_page(
            views,
            reference=reference.name,
            candidates=[source.name for source in others],
            context=context,
            piece=vocabulary.piece,
            name=vocabulary.text,
            about=about,
        )
    write_text(request.folder / PAGE, page)
    add("tokens", {"file": PAGE, "n_tokens": len(views), "n_windows": len(windows), "about": about})
