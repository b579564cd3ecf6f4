"""The output of `belle convert`: progress, then the files that were written and their errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from belle.cli.terminal import bar
from belle.units import duration, size, weights

if TYPE_CHECKING:
    from belle.evaluation.sources.agreement import Agreement
    from convert.output.progress import Progress
    from convert.output.verify import TensorProof
    from convert.report import ConversionReport, FileReport

_STAGES = {"convert": "", "verify": "verifying"}
_WORST_SHOWN = 3


def progress_line(reading: Progress) -> str:
    """One line: a bar, what is done, the speed, the time left."""
    fraction = reading.done_weights / max(1, reading.total_weights)
    left = reading.seconds_left
    parts = [
        _STAGES[reading.stage],
        bar(fraction),
        f"{size(reading.done_bytes)} of {size(reading.total_bytes)}",
        f"{reading.weights_per_second / 1e6:.0f} M weights/s",
        f"{duration(left)} left" if left is not None else "",
    ]
    return "  ".join(part for part in parts if part)


def file_lines(report: ConversionReport, file: FileReport, *, every_tensor: bool) -> str:
    """Lines about an output file: with `every_tensor` one for each tensor and its error, then the totals."""
    lines = _tensor_lines(file) if every_tensor else []
    counts = ", ".join(f"{count} {words}" for words, count in file.exactness().items())
    verb = f"written in {duration(file.seconds)}" if report.written else "to be written"
    lines.append(f"{file.path}: {file.type}, {size(file.n_bytes)}, {verb}")
    lines.append(
        f"{report.architecture}, {len(file.tensors)} tensors, {weights(file.n_weights)} weights, "
        f"{file.bits_per_weight:.2f} bits per weight; {counts}"
    )
    if file.proof is not None:
        loaded = ", loaded by llama.cpp" if file.proof.loaded else ""
        lines.append(f"verified in {duration(file.proof.seconds)}: every weight compared with the checkpoint{loaded}")
        lines += _proof_lines(file.proof.tensors)
    elif report.written:
        lines.append("not verified")
    return "\n".join(lines)


def agreement_line(agreement: Agreement, program: str) -> str:
    """The difference of the logits of the checkpoint and of its file, which `program` ran."""
    return (
        f"logits of {agreement.n_tokens} tokens in transformers and {program}: "
        f"differ by {agreement.largest_difference:.2g} at most, "
        f"KL {agreement.mean_kl:.2g} nats per token (largest {agreement.largest_kl:.2g}), "
        f"same first choice {agreement.same_top:.1%}"
    )


def _tensor_lines(file: FileReport) -> list[str]:
    width = max(len(tensor.name) for tensor in file.tensors)
    measured = {proof.name: f"  {_measured(proof)}" for proof in file.proof.tensors} if file.proof else {}
    lines = []
    for tensor in file.tensors:
        shape = " × ".join(map(str, tensor.shape))
        lines.append(
            f"{tensor.name:<{width}}  {shape:>16}  {tensor.source_dtype:>4} → {tensor.type:<7}"
            f"{size(tensor.n_bytes):>11}  {tensor.exactness:<16}{measured.get(tensor.name, '')}".rstrip()
        )
    return lines


def _measured(proof: TensorProof) -> str:
    """The error of a tensor compared with the checkpoint."""
    if proof.exactness == "exact":
        return ""
    error = f"error {_percent(proof.relative_error)}"
    if proof.rms_steps is None or proof.noise_factor is None:
        return error
    steps = f"{proof.rms_steps:.2g} steps rms, {proof.largest_steps:.2g} at most"
    return f"{error}, {steps}, noise × {proof.noise_factor:.7g}"


def _proof_lines(proofs: Sequence[TensorProof]) -> list[str]:
    """A line for each kind of exactness, and one with the largest errors."""
    lines = []
    for words in dict.fromkeys(proof.exactness for proof in proofs):
        same = [proof for proof in proofs if proof.exactness == words]
        n_weights = weights(sum(proof.n_weights for proof in same))
        error = "bit for bit" if words == "exact" else f"error {_percent(_mean(same))} of the weights’ rms"
        lines.append(f"  {words:<16} {len(same):>5} tensors {n_weights:>10} weights  {error}{_in_steps(same)}")
    worst = sorted((proof for proof in proofs if proof.relative_error), key=lambda proof: -proof.relative_error)
    if worst:
        names = ", ".join(f"{proof.name} {_percent(proof.relative_error)}" for proof in worst[:_WORST_SHOWN])
        lines.append(f"  largest errors: {names}")
    return lines


def _in_steps(proofs: Sequence[TensorProof]) -> str:
    """The same error in quantization steps, for weights that GPTQ had quantized."""
    steps = [proof for proof in proofs if proof.rms_steps]
    if not steps:
        return ""
    total = sum(proof.n_weights for proof in steps)
    noise = sum((proof.noise_factor or 1.0) * proof.n_weights for proof in steps) / total
    # Rounding to steps of 1 has a variance of 1/12; the file's own rounding adds to that what exceeds a factor of 1.
    rms = math.sqrt(max(0.0, noise - 1) / 12)
    largest = max(proof.largest_steps or 0.0 for proof in steps)
    return f"; {rms:.2g} steps rms, {largest:.2g} at most, GPTQ’s noise × {noise:.7g}"


def _mean(proofs: Sequence[TensorProof]) -> float:
    total = sum(proof.n_weights for proof in proofs)
    return math.sqrt(sum(proof.relative_error**2 * proof.n_weights for proof in proofs) / total)


def _percent(share: float) -> str:
    return f"{share:.2%}" if share >= 1e-4 else f"{share:.1e}"
