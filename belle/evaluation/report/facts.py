"""The text of a report besides its figures: how the text was read, and everything that is needed to repeat it."""

from __future__ import annotations

from collections.abc import Iterator

from belle.evaluation.measurement import Measurement
from belle.evaluation.report.tasks import tasks_of
from belle.units import gigabytes, megabytes

PROTOCOL = (
    "Windows follow llama.cpp's llama-perplexity, and so do all definitions; its --kl-divergence reads the reference "
    "from a file of 16-bit log-probabilities, which is the only difference: here both models are exact."
)
ONLY_BYTES = (
    "These models have different vocabularies. Only bits per byte can be compared: the loss on the scored tokens "
    "divided by the bytes of the text that they stand for. Perplexities are per token of each model's own."
)


def about_text(result: Measurement) -> str:
    """One sentence about the text that was read; "" where none was."""
    text = result.text
    if text is None:
        return ""
    windows = f"{text.n_windows} windows of {text.n_ctx} tokens"
    if text.n_windows != text.n_windows_planned:
        windows = f"{text.n_windows} of {text.n_windows_planned} windows of {text.n_ctx} tokens (not complete)"
    stride = f", one every {text.stride} tokens" if text.stride else ""
    scripts = ", ".join(f"{name} {count:,}" for name, count in text.scripts.items())
    return f"{text.name}: {windows}{stride}; {text.n_scored:,} tokens scored ({scripts}), {text.scored_bytes:,} bytes."


def failures(result: Measurement) -> list[str]:
    """A sentence for each model that was given up."""
    models = [result.reference, *(candidate.model for candidate in result.candidates)]
    failed = [(model.name, model.failure) for model in models]
    if tasks := tasks_of(result):
        failed += [(model.name, model.failure) for model in tasks.candidates]
    # A model that fails on the text fails on the questions as well.
    return [f"{name} was given up. {failure}" for name, failure in dict.fromkeys(failed) if failure]


def repeat(result: Measurement) -> Iterator[tuple[str, str]]:
    """Everything that is needed to repeat the measurement, as names and values."""
    yield "command", " ".join(result.command)
    yield "started", result.started
    yield "took", f"{result.seconds:,.0f} s"
    machine = result.machine
    cores, memory = f"{machine.get('cores')} cores", f"{gigabytes(machine.get('memory', 0))} memory"
    yield "machine", f"{machine.get('processor')}, {cores}, {memory}, {machine.get('system')}"
    if result.peak_memory:
        yield "peak memory", f"{megabytes(result.peak_memory, grouped=True)} of the whole process"
    yield "versions", ", ".join(f"{name} {version}" for name, version in result.versions.items())
    if result.text:
        yield f"text {result.text.name}", f"SHA-256 {result.text.sha256} ({result.text.n_bytes:,} bytes)"
    if tasks := tasks_of(result):
        yield f"questions {tasks.items}", f"SHA-256 {tasks.sha256}"
    for model in (result.reference, *(candidate.model for candidate in result.candidates)):
        for name, digest in model.files.items():
            yield name, f"SHA-256 {digest}"
