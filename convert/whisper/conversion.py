"""Converts a Whisper checkpoint to files of whisper.cpp, by the steps and the parts of every conversion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from belle import path_guard
from belle.errors import KnownError
from belle.gguf.types import FileType
from convert import compressed
from convert.checkpoint import Checkpoint
from convert.gptq.checkpoint_view import is_quantized
from convert.lora.adapter import Adapter, read_adapter
from convert.lora.merge import merge
from convert.output.digests import Digests
from convert.output.file_format import FileFrame
from convert.output.part_file import check_output
from convert.output.progress import ProgressCallback
from convert.output.verify import verify
from convert.output.writer import write_file
from convert.plan.options import ConvertOptions, output_paths
from convert.plan.plan import TensorPlan
from convert.quantized_formats import left_behind, read_stated, refuse_by_tensors
from convert.report import ConversionReport, FileReport, describe, note_unread
from convert.rows.source import RowSource
from convert.whisper.frame import WHISPER_FILE, head, whisper_frame
from convert.whisper.options import check_options
from convert.whisper.table import WHISPER
from convert.whisper.types import check_width, plan_tensors, whisper_type
from convert.whisper.vocabulary import read_vocabulary

_DEFAULT_TYPE = "f16"


@dataclass(frozen=True)
class WhisperOutput:
    """One file to write."""

    path: Path
    kind: FileType
    plans: list[TensorPlan]
    frame: FileFrame


@dataclass(frozen=True)
class WhisperConversion:
    """A Whisper checkpoint, checked and planned.

    Attributes:
        inputs: every file that is read.
        adapters: merged into the tensors, open.
        outputs: the files to write.
        notes: sentences for the report.
    """

    inputs: list[Path]
    adapters: list[Adapter]
    outputs: list[WhisperOutput]
    notes: list[str]


def convert_whisper(
    checkpoint: Checkpoint,
    source: Path,
    out: Path,
    options: ConvertOptions,
    *,
    progress: ProgressCallback | None = None,
) -> ConversionReport:
    """Convert `checkpoint`, which was opened at `source`. As `convert.pipeline.convert`; raises KnownError."""
    with prepared(checkpoint, out, options) as conversion, Digests(checkpoint) as digests:
        files = [_write(conversion, output, options, digests, progress) for output in conversion.outputs]
        # The format has no place for the digests of the inputs, so they are in the report alone.
        return ConversionReport(
            source, WHISPER.name, True, tuple(files), tuple(conversion.notes), sha256=digests.result()
        )


def plan_whisper(checkpoint: Checkpoint, source: Path, out: Path, options: ConvertOptions) -> ConversionReport:
    """What `convert_whisper` would write. Raises the same errors, except those found in the weights or on the disk."""
    with prepared(checkpoint, out, options) as conversion:
        files = tuple(
            describe(output.path, output.kind.name, output.plans, output.frame.size, 0.0)
            for output in conversion.outputs
        )
        return ConversionReport(source, WHISPER.name, False, files, tuple(conversion.notes))


@contextmanager
def prepared(checkpoint: Checkpoint, out: Path, options: ConvertOptions) -> Iterator[WhisperConversion]:
    """Check everything, and plan every file. Raises KnownError."""
    check_options(options, out)
    kinds = [whisper_type(name) for name in options.types or (_DEFAULT_TYPE,)]
    sizes = WHISPER.checked(checkpoint.config)
    for kind in kinds:
        check_width(kind, sizes.n_embd)
    notes = note_unread(checkpoint)
    with ExitStack() as stack:
        adapters = [stack.enter_context(read_adapter(one.folder, one.strength)) for one in options.adapters]
        tensors = WHISPER.plan(weights_of(checkpoint, adapters, notes), checkpoint.config, notes)
        vocabulary = read_vocabulary(checkpoint, sizes.n_vocab)
        outputs = []
        for path, kind in zip(output_paths(out, [kind.name for kind in kinds]), kinds, strict=True):
            start = head(sizes, kind, vocabulary)
            plans = plan_tensors(tensors, kind, len(start), round_first=options.round_first)
            outputs.append(WhisperOutput(path, kind, plans, whisper_frame(start, plans)))
        inputs = [*checkpoint.inputs.values(), *(file for one in adapters for file in one.files)]
        for output in outputs:
            check_output(output.path, inputs, WHISPER_FILE)
        if options.report is not None:
            path_guard.check_output(options.report, inputs)
        yield WhisperConversion(inputs, adapters, outputs, notes)


def weights_of(checkpoint: Checkpoint, adapters: Sequence[Adapter], notes: list[str]) -> dict[str, RowSource]:
    """The checkpoint's weights as rows, with the adapters merged. `notes` gets sentences. Raises KnownError."""
    stated = read_stated(checkpoint)
    refuse_by_tensors(checkpoint.tensors)
    if compressed.is_compressed(checkpoint.tensors) or is_quantized(checkpoint.tensors):
        raise KnownError(
            "unsupported_format",
            f"{checkpoint.folder} is a Whisper whose weights are quantized already.",
            "Convert the checkpoint that it was quantized from.",
            path=str(checkpoint.folder),
        )
    notes += left_behind(checkpoint.config, stated)
    return merge(checkpoint.tensors, adapters, notes, tied=WHISPER.tied_names(checkpoint.tensors, checkpoint.config))


def _write(
    conversion: WhisperConversion,
    output: WhisperOutput,
    options: ConvertOptions,
    digests: Digests,
    progress: ProgressCallback | None,
) -> FileReport:
    verifier = partial(verify, plans=output.plans, file_format=WHISPER_FILE, threads=options.threads, progress=progress)
    written = write_file(
        output.path,
        WHISPER_FILE,
        output.frame,
        output.plans,
        threads=options.threads,
        progress=digests.following(progress),
        resume=options.resume,
        inputs=conversion.inputs,
        recipe={"adapters": [[str(one.folder.resolve()), one.strength] for one in conversion.adapters]},
        verifier=verifier if options.verify else None,
    )
    return describe(
        output.path,
        output.kind.name,
        output.plans,
        written.n_bytes,
        written.progress.seconds,
        proof=written.proof,
    )
