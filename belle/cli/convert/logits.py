"""`belle convert --verify logits`: runs the comparison of logits on the checkpoint and on the converted files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.cli.convert.report import agreement_line
from belle.cli.terminal import Terminal
from belle.errors import KnownError

if TYPE_CHECKING:
    from belle.evaluation.sources.agreement import Agreement
    from convert.checkpoint import Checkpoint
    from convert.plan.options import ConvertOptions
    from convert.report import ConversionReport
    from convert.rows.source import RowSource

Comparison = Callable[[Path, int], "Agreement"]
"""Runs a file, with so many threads, and compares it with the reference."""

_USUAL_NAME = re.compile(r"model(-\d+-of-\d+)?\.safetensors|pytorch_model(-\d+-of-\d+)?\.bin")


def check_possible(source: Path, *, lora_only: bool, weights_verified: bool) -> None:
    """Raise KnownError for what would prevent the comparison, before hours of converting."""
    from belle.evaluation.sources.transformers import check_installed

    if lora_only:
        raise KnownError("usage", "An adapter alone has no logits.", "Leave out --verify logits or --lora-only.")
    if not weights_verified:
        raise KnownError("usage", "--verify logits and --no-verify contradict each other.", "Leave one of them out.")
    check_installed()
    if _sees(source):
        raise KnownError(
            "usage",
            "The logits of a model that sees are not compared.",
            "Leave out --verify logits: every weight of both files is compared all the same.",
        )
    if _holds_whisper(source):
        from belle.speech.library import check_usable

        check_usable()


def _holds_whisper(source: Path) -> bool:
    from convert.whisper.table import is_whisper

    return is_whisper(_config(source))


def _sees(source: Path) -> bool:
    from convert.vision.halves import sees

    return sees(_config(source))


def _config(source: Path) -> Mapping[str, Any]:
    """config.json of the checkpoint; {} for one that cannot be read, which the conversion will say."""
    from convert.checkpoint import open_checkpoint

    try:
        with open_checkpoint(source) as checkpoint:
            return checkpoint.config
    except KnownError:
        return {}


def compare_logits(
    source: Path,
    options: ConvertOptions,
    report: ConversionReport,
    plain: dict[str, Any],
    terminal: Terminal,
    *,
    quiet: bool,
) -> None:
    """Run the checkpoint and every file of `report` on the same prompts, or a Whisper on the same sounds.

    Args:
        source: the checkpoint.
        options: of the conversion.
        report: of the conversion.
        plain: the report as JSON values; `logits` is added to each file.
        terminal: shows progress.
        quiet: print nothing.

    Raises KnownError: those of `reference_samples` and `agreement`, `speech_reference` and `next_token_logits`.
    """
    terminal.progress("running the checkpoint in transformers …")
    folder = source if source.is_dir() else source.parent
    speaks = report.architecture == "whisper"
    program = "whisper.cpp" if speaks else "llama.cpp"
    with _unpacked(source, options) as weights:
        adapters = [] if weights is not None else [(one.folder, one.strength) for one in options.adapters]
        compare = (_speech_comparison if speaks else _text_comparison)(folder, adapters, weights)
    if weights is not None:
        terminal.note("transformers cannot read such files itself: this program read the weights for it.")
    for file, entry in zip(report.files, plain["files"], strict=True):
        terminal.progress(f"running {file.path.name} in {program} …")
        result = compare(file.path, options.threads or os.cpu_count() or 1)
        terminal.clear()
        entry["logits"] = asdict(result)
        if not quiet:
            print(f"{file.path}: {agreement_line(result, program)}")


def _text_comparison(
    folder: Path, adapters: Sequence[tuple[Path, float]], weights: Mapping[str, RowSource] | None
) -> Comparison:
    from belle.evaluation.sources.agreement import agreement, reference_samples

    samples = reference_samples(folder, adapters, weights=weights)
    return lambda file, threads: agreement(file, samples, threads=threads)


def _speech_comparison(
    folder: Path, adapters: Sequence[tuple[Path, float]], weights: Mapping[str, RowSource] | None
) -> Comparison:
    from belle.evaluation.sources.agreement import agreement_of
    from belle.evaluation.sources.speech_agreement import speech_reference
    from belle.speech.next_tokens import next_token_logits

    samples = speech_reference(folder, adapters, weights=weights)

    def compare(file: Path, threads: int) -> Agreement:
        return agreement_of(
            file,
            (
                (one.reference, next_token_logits(file, one.sound, one.reference.ids, threads=threads))
                for one in samples
            ),
        )

    return compare


@contextmanager
def _unpacked(source: Path, options: ConvertOptions) -> Iterator[Mapping[str, RowSource] | None]:
    """The weights, with adapters merged, of a checkpoint that transformers cannot read itself; None for others.

    Those are GPTQ and AWQ layouts (some of which need further packages) and files with unusual names.
    """
    from convert.architectures import architecture_of
    from convert.checkpoint import open_checkpoint
    from convert.gptq.checkpoint_view import is_quantized
    from convert.lora.adapter import read_adapter
    from convert.pipeline import weights_of
    from convert.whisper.conversion import weights_of as weights_of_whisper
    from convert.whisper.table import is_whisper

    with ExitStack() as stack:
        checkpoint = stack.enter_context(open_checkpoint(source))
        if not is_quantized(checkpoint.tensors) and _transformers_takes(checkpoint):
            yield None
            return
        adapters = [stack.enter_context(read_adapter(one.folder, one.strength)) for one in options.adapters]
        if is_whisper(checkpoint.config):
            yield weights_of_whisper(checkpoint, adapters, [])
        else:
            yield weights_of(checkpoint, architecture_of(checkpoint.config), adapters, options, [])


def _transformers_takes(checkpoint: Checkpoint) -> bool:
    """Whether transformers, given the folder, reads the same files that were converted."""
    names = [file.name for file in checkpoint.files]
    hidden = names[0].endswith(".bin") and any(checkpoint.folder.glob("model*.safetensors"))
    return not hidden and all(_USUAL_NAME.fullmatch(name) for name in names)
