"""The part of a report about the loss by layer and the suggested types, for every form of the report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from belle.evaluation.layers.sensitivity_table import GroupLoss, SensitivityTable, TensorLoss
from belle.evaluation.layers.suggest import Suggestion
from belle.evaluation.measurement import Measurement
from belle.evaluation.metric_table import MISSING
from belle.evaluation.report.tasks import TextGrid
from belle.units import precise_gigabytes

_DEFINED = (
    "KL back: how much smaller the mean KL divergence (nats per token) is with this one tensor as in the reference; ± "
    "is its standard error. Weight error: Σ(W−Q)²/ΣW². Output error: ‖X(W−Q)ᵀ‖²/‖XWᵀ‖² for the inputs X that the "
    "reference feeds it. What comes back does not add up: errors in one place change what errors in another cost."
)
_ASSUMED = (
    "CHECKPOINT is what the reference was converted from. Types that need an importance matrix are not used; with "
    "--imatrix the same types lose less. The size is exact where the metadata is that of the files measured. The "
    "prediction adds up tensors as if their errors did not influence each other; what was measured counts."
)
_MOST_SUMMARY = 3
_FAR = 2
_FAR_WORDS = (
    "The measurement is far above the prediction: errors make each other worse, and products with quantized weights "
    "round what flows through the model as well."
)


def layers_of(result: Measurement) -> list[SensitivityTable]:
    """The tables of `--by-layer`; empty without it."""
    return [SensitivityTable.from_json(data) for data in result.extra.get("layers", [])]


def suggestion_of(result: Measurement) -> Suggestion | None:
    """The result of `--suggest`; None without it."""
    data = result.extra.get("suggestion")
    return Suggestion(**data) if data else None


def about_layers(layers: SensitivityTable) -> str:
    """Sentences about what was measured and what was estimated."""
    sample = f"{layers.n_windows} windows of {layers.n_ctx} tokens ({layers.n_scored:,} scored), spread over the text"
    words = (
        f"On a sample of {sample}, {layers.candidate} has a mean KL divergence of {layers.kl:.5f} ± "
        f"{layers.kl_error:.5f}. {len(layers.tensors)} tensors differ from the reference"
    )
    if not layers.tensors:
        return words + "."
    if layers.n_restored == len(layers.tensors):
        words += "; each was restored alone."
    else:
        words += (
            f"; {layers.n_restored} of them, those with the largest estimates, were restored alone. Of the others an "
            "estimate is given: the mean of what the role's loss per error makes of their errors, and of their shares "
            "of the block's loss."
        )
    return words if layers.complete else words + " This analysis was interrupted: not everything was tried."


def grids(tables: Sequence[SensitivityTable], *, most_tensors: int) -> Iterator[TextGrid]:
    """Tables for every candidate: the tensors, the largest loss first, and the loss by role and by block."""
    for layers in tables:
        left_out = len(layers.tensors) - most_tensors
        words = f"{about_layers(layers)} {_DEFINED}"
        if left_out > 0:
            words += f" The {most_tensors} largest are shown; report.json and layers.csv have all."
        head = ["Tensor", "Reference", "Candidate", "Bytes", "Weight error", "Output error", "KL back", "±", "Estimate"]
        rows = [_tensor_row(tensor) for tensor in layers.tensors[:most_tensors]]
        yield TextGrid(f"Loss by tensor: {layers.candidate}", words, head, rows)
        for what, groups in (("role", layers.roles), ("block", layers.blocks)):
            if groups:
                words = f"What comes back when all differing tensors of a {what} are restored together."
                head = [what.capitalize(), "Tensors", "Bytes", "KL back", "±"]
                yield TextGrid(
                    f"Loss by {what}: {layers.candidate}", words, head, [_group_row(group) for group in groups]
                )


def suggestion_words(suggestion: Suggestion) -> list[str]:
    """Sentences about the suggestion, and about how reliable it is."""
    predicted = f"predicted mean KL divergence {suggestion.kl:.5f}"
    if suggestion.measured_kl is not None:
        predicted += f", measured on the sample {suggestion.measured_kl:.5f} ± {suggestion.measured_error or 0:.5f}"
    candidate = f"{suggestion.candidate} ({precise_gigabytes(suggestion.candidate_size)})"
    first = (
        f"A model of {precise_gigabytes(suggestion.size)} ({suggestion.size:,} bytes; "
        f"asked for: at most {precise_gigabytes(suggestion.asked)}): {predicted}. "
        f"On the same sample {candidate} has {suggestion.candidate_kl:.5f}."
    )
    known = (
        f"Of {suggestion.n_tensors} matrices {suggestion.n_restored} were judged by restoring them, "
        f"{suggestion.n_probed} by trying them in another type"
    )
    others = suggestion.n_tensors - suggestion.n_restored - suggestion.n_probed
    words = [first, f"{known}, {others} by their block or role." if others else f"{known}.", _ASSUMED]
    if suggestion.measured_kl is not None and suggestion.measured_kl > _FAR * suggestion.kl:
        words.append(_FAR_WORDS)
    worse = suggestion.measured_kl is not None and suggestion.measured_kl > suggestion.candidate_kl
    if worse and suggestion.size >= suggestion.candidate_size:
        words.append(f"{suggestion.candidate} is smaller and loses less: prefer it.")
    return words


def suggestion_grid(suggestion: Suggestion) -> TextGrid:
    """The tensors by suggested type."""
    by_type: dict[str, list[str]] = {}
    for name, kind in suggestion.types.items():
        by_type.setdefault(kind, []).append(name)
    rows = [[kind, str(len(names)), _roles(names)] for kind, names in sorted(by_type.items(), key=lambda x: -len(x[1]))]
    title = f"Suggested types for {precise_gigabytes(suggestion.asked)}"
    return TextGrid(title, " ".join(suggestion_words(suggestion)), ["Type", "Tensors", "Which"], rows, lead=3)


def summary_lines(result: Measurement) -> list[str]:
    """Lines for the terminal."""
    lines = []
    for layers in layers_of(result):
        tried = [tensor for tensor in layers.tensors if tensor.kl_back is not None][:_MOST_SUMMARY]
        worst = ", ".join(f"{tensor.name} {tensor.kl_back:.5f}" for tensor in tried) or "nothing was restored alone"
        lines.append(f"{layers.candidate}: KL that comes back ({layers.kl:.5f} in all): {worst}")
    if suggestion := suggestion_of(result):
        lines += [suggestion_words(suggestion)[0], f"  {suggestion.command}"]
    if page := result.extra.get("tokens"):
        lines.append(f"{page['file']}: {page['n_tokens']:,} tokens")
    return lines


def layers_csv(tables: Sequence[SensitivityTable]) -> str:
    """The text of layers.csv: one line per tensor and candidate, every figure in full precision."""
    text = io.StringIO()
    names = list(TensorLoss.__dataclass_fields__)
    # In this file “reference” and “candidate” would be read as names of files; they are types.
    heads = {"reference": "reference_type", "candidate": "candidate_type"}
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *(heads.get(name, name) for name in names)])
    for layers in tables:
        for tensor in layers.tensors:
            cells = asdict(tensor)
            writer.writerow([layers.candidate, *("" if cells[name] is None else cells[name] for name in names)])
    return text.getvalue()


def _tensor_row(tensor: TensorLoss) -> list[str]:
    return [
        tensor.name,
        tensor.reference,
        tensor.candidate,
        f"{tensor.candidate_bytes:,}",
        _small(tensor.weight_error),
        _small(tensor.output_error),
        _nats(tensor.kl_back),
        _nats(tensor.kl_back_error),
        _nats(tensor.estimate),
    ]


def _group_row(group: GroupLoss) -> list[str]:
    bytes_ = f"{group.candidate_bytes:,}"
    return [group.name, str(group.n_tensors), bytes_, _nats(group.kl_back), _nats(group.kl_back_error)]


def _roles(names: Sequence[str]) -> str:
    """Tensor names in short form: `ffn_down 0–3, 5; output`."""
    blocks: dict[str, list[int]] = {}
    for name in names:
        parts = name.removesuffix(".weight").split(".", 2)
        numbers = blocks.setdefault(parts[-1] if parts[0] == "blk" else name.removesuffix(".weight"), [])
        if parts[0] == "blk":
            numbers.append(int(parts[1]))
    return "; ".join(f"{role} {_runs(numbers)}".strip() for role, numbers in blocks.items())


def _runs(numbers: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in runs)


def _small(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3g}"


def _nats(value: float | None) -> str:
    return MISSING if value is None else f"{value:.6f}"
