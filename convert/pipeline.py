"""Converts a checkpoint to GGUF: open, arrange, plan, write, verify. A Whisper goes its own way (`convert.whisper`).

Configuration, tokenizer and options are checked before the first weight is written; `plan_conversion` is `--dry-run`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gguf.constants import GGMLQuantizationType as GGMLType

from belle import path_guard
from belle.errors import KnownError
from belle.gguf.imatrix import Imatrix, read_imatrix
from belle.gguf.types import FILE_TYPES, FLOAT_TYPES, FileType, file_type
from belle.gguf.writer import KeyValue, serialize
from convert.architectures import Architecture, NamedTensor, architecture_of
from convert.checkpoint import Checkpoint, open_checkpoint
from convert.gptq.quantized_rows import Mode
from convert.gptq.requantize import note, requantizing, unmovable
from convert.lora.adapter import WEIGHTS as ADAPTER_WEIGHTS
from convert.lora.adapter import Adapter, read_adapter
from convert.lora.merge import merge, merged_metadata
from convert.metadata import count, general_metadata
from convert.output.digests import Digests
from convert.output.load_proof import and_loads
from convert.output.part_file import check_output
from convert.output.progress import ProgressCallback
from convert.output.verify import verify
from convert.output.writer import write_gguf
from convert.plan.mixture import ModelFacts
from convert.plan.named_requests import check_imatrix, check_types
from convert.plan.options import ConvertOptions, output_paths
from convert.plan.plan import TensorPlan, data_size, plan_types, size_by_type
from convert.quantized_formats import left_behind, named_by_config, read_stated, refuse_by_tensors
from convert.report import ConversionReport, FileReport, describe, note_unread
from convert.rows.source import RowSource
from convert.tokenizers import check_templates, check_tokenizer, read_tokenizer
from convert.vision.halves import language_model, mmproj_path, sees
from convert.vision.mmproj import MmprojOutput, convert_mmproj, mmproj_type, plan_mmproj, write_mmproj
from convert.whisper.conversion import convert_whisper, plan_whisper
from convert.whisper.table import is_whisper

_NO_DIGEST = "0" * 64
_QUANTIZATION_VERSION = 2


@dataclass(frozen=True)
class Output:
    """One file to write: its path, file type and tensors."""

    path: Path
    kind: FileType
    plans: list[TensorPlan]


@dataclass(frozen=True)
class Conversion:
    """A checkpoint that is open, checked and planned.

    Attributes:
        checkpoint: open.
        architecture: of the checkpoint.
        options: of the conversion.
        adapters: merged into the tensors, open.
        tensors: under their GGUF names.
        model_metadata: entries of the architecture, the tokenizer and the adapters.
        imatrix: if one is given.
        outputs: the files to write.
        notes: sentences for the report.
        mmproj: the file of the vision encoder, for a model that sees.
    """

    checkpoint: Checkpoint
    architecture: Architecture
    options: ConvertOptions
    adapters: list[Adapter]
    tensors: list[NamedTensor]
    model_metadata: list[KeyValue]
    imatrix: Imatrix | None
    outputs: list[Output]
    notes: list[str]
    mmproj: MmprojOutput | None = None

    @property
    def inputs(self) -> list[Path]:
        """Every file that is read."""
        more = [self.options.imatrix] if self.options.imatrix else []
        return [*self.checkpoint.inputs.values(), *more, *(file for one in self.adapters for file in one.files)]

    def metadata(self, output: Output, sha256: Mapping[str, str]) -> list[KeyValue]:
        """All entries of the header of `output`, given the digests of the inputs by file name."""
        used = size_by_type(output.plans)
        quantized = any(kind not in FLOAT_TYPES.values() for kind in used)
        entries = general_metadata(
            self.checkpoint.folder,
            self.checkpoint.config,
            architecture=self.architecture.name,
            n_parameters=sum(plan.n_weights for plan in output.plans),
            sha256=sha256,
            name=self.options.name,
            license_id=self.options.license_id,
            repository=self.options.repository,
        )
        entries.append(count("general.file_type", _file_type(output, used).number))
        if quantized:
            entries.append(count("general.quantization_version", _QUANTIZATION_VERSION))
        imatrix = self.imatrix.metadata() if self.imatrix and quantized else []
        return [*entries, *self.model_metadata, *imatrix]


def convert(
    source: Path, out: Path, options: ConvertOptions | None = None, *, progress: ProgressCallback | None = None
) -> ConversionReport:
    """Convert the checkpoint at `source` to `out`, one file per type.

    Args:
        source: a folder, or a weights file with its config.json beside it.
        out: the GGUF file; with several types see `output_paths`.
        options: the options.
        progress: called about five times a second; totals are of the file being written, then of verifying it.

    Raises KnownError as `open_checkpoint`, the architecture, `read_tokenizer`, `write_gguf` and `verify` do.
    """
    options = options or ConvertOptions()
    with _opened(source) as checkpoint:
        if options.part == "mmproj":
            return convert_mmproj(checkpoint, source, out, options, progress=progress)
        if is_whisper(checkpoint.config):
            return convert_whisper(checkpoint, source, out, options, progress=progress)
        with prepared(checkpoint, out, options) as conversion, Digests(checkpoint) as digests:
            files = [_write(conversion, output, digests, progress) for output in conversion.outputs]
            if conversion.mmproj is not None:
                files.append(write_mmproj(conversion.mmproj, digests, progress))
            return _report(source, conversion, files, sha256=digests.result())


def plan_conversion(source: Path, out: Path, options: ConvertOptions | None = None) -> ConversionReport:
    """What `convert` would write. Raises the same errors, except those found only in the weights or on the disk."""
    options = options or ConvertOptions()
    with _opened(source) as checkpoint:
        if options.part == "mmproj":
            return convert_mmproj(checkpoint, source, out, options, write=False)
        if is_whisper(checkpoint.config):
            return plan_whisper(checkpoint, source, out, options)
        return _plan(checkpoint, source, out, options)


def _plan(checkpoint: Checkpoint, source: Path, out: Path, options: ConvertOptions) -> ConversionReport:
    with prepared(checkpoint, out, options) as conversion:
        digests = dict.fromkeys(conversion.checkpoint.inputs, _NO_DIGEST)
        files = []
        for output in conversion.outputs:
            head = serialize(conversion.metadata(output, digests), [plan.info for plan in output.plans])
            n_bytes = len(head) + data_size(output.plans)
            name = _file_type(output, size_by_type(output.plans)).name
            files.append(describe(output.path, name, output.plans, n_bytes, 0.0))
        if conversion.mmproj is not None:
            files.append(conversion.mmproj.described(digests))
        return _report(source, conversion, files)


@contextmanager
def _opened(source: Path) -> Iterator[Checkpoint]:
    """The checkpoint of a model. Raises KnownError("is_adapter") for an adapter."""
    with open_checkpoint(source) as checkpoint:
        _refuse_adapter(checkpoint)
        yield checkpoint


@contextmanager
def prepared(checkpoint: Checkpoint, out: Path, options: ConvertOptions) -> Iterator[Conversion]:
    """Check everything, and plan every file. Raises KnownError."""
    whole, checkpoint = checkpoint, language_model(checkpoint)
    kinds = [file_type(name) for name in options.types or ("f16",)]
    requantized = options.unmovable_type
    imatrix = read_imatrix(options.imatrix) if options.imatrix else None
    with ExitStack() as stack:
        adapters = [stack.enter_context(read_adapter(one.folder, one.strength)) for one in options.adapters]
        notes = note_unread(checkpoint)
        architecture = architecture_of(checkpoint.config)
        weights = weights_of(checkpoint, architecture, adapters, options, notes)
        tensors = _arranged(architecture, weights, checkpoint, notes)
        model_metadata = architecture.metadata(checkpoint.config, notes)
        n_embeddings = next(t.source.n_rows for t in tensors if t.name == "token_embd.weight")
        tokenizer = read_tokenizer(checkpoint, n_embeddings, template=options.template)
        check_tokenizer(
            tokenizer, checkpoint, architecture=architecture.name, name=_model_name(checkpoint, architecture, options)
        )
        check_templates(tokenizer.chat_templates, tokenizer.notes)
        notes += tokenizer.notes
        values = {entry.key: entry.value for entry in model_metadata}
        facts = ModelFacts.from_metadata(values | {"general.architecture": architecture.name})
        requests = options.requests
        check_types(tensors, requests, keeps_packed=options.gptq_mode != "requantize")
        if imatrix is not None:
            check_imatrix(tensors, imatrix)
        to_requantize = unmovable(tensors, checkpoint.tensors)
        if to_requantize and requantized is not None:
            requests = requantizing(requests, to_requantize, requantized)
            notes += note(to_requantize, requantized)
        outputs = [
            Output(
                path,
                kind,
                plan_types(
                    tensors,
                    facts,
                    kind,
                    imatrix=imatrix,
                    requests=requests,
                    packed="requantize" if options.gptq_mode == "requantize" else "exact",
                    round_first=options.round_first,
                ),
            )
            for path, kind in zip(output_paths(out, [kind.name for kind in kinds]), kinds, strict=True)
        ]
        model_metadata = [*model_metadata, *tokenizer.metadata(), *merged_metadata(adapters)]
        has_mmproj = sees(whole.config) and options.part == "both"
        mmproj = plan_mmproj(whole, mmproj_path(out, mmproj_type(options).name), options, notes) if has_mmproj else None
        conversion = Conversion(
            checkpoint, architecture, options, adapters, tensors, model_metadata, imatrix, outputs, notes, mmproj
        )
        for output in outputs:
            check_output(output.path, conversion.inputs)
        if options.report is not None:
            path_guard.check_output(options.report, conversion.inputs)
        yield conversion


def _model_name(checkpoint: Checkpoint, architecture: Architecture, options: ConvertOptions) -> str:
    """The name of the model as it will be in the file."""
    entries = general_metadata(
        checkpoint.folder,
        checkpoint.config,
        architecture=architecture.name,
        n_parameters=1,
        sha256={},
        name=options.name,
        repository=options.repository,
    )
    return next((str(entry.value) for entry in entries if entry.key == "general.name"), "")


def weights_of(
    checkpoint: Checkpoint,
    architecture: Architecture,
    adapters: Sequence[Adapter],
    options: ConvertOptions,
    notes: list[str],
) -> Mapping[str, RowSource]:
    """The checkpoint's weights as rows, however they are stored, with the adapters merged.

    `notes` gets sentences for the report. Raises KnownError.
    """
    from convert import compressed
    from convert.gptq import checkpoint_view as gptq

    tied = architecture.tied_names(checkpoint.tensors, checkpoint.config)

    def merged(rows: Mapping[str, RowSource]) -> dict[str, RowSource]:
        return merge(rows, adapters, notes, tied=tied)

    mode: Mode = "fast" if options.gptq_mode == "fast" else "exact"
    stated = read_stated(checkpoint)
    refuse_by_tensors(checkpoint.tensors)
    if compressed.is_compressed(checkpoint.tensors):
        return compressed.view_compressed(checkpoint.tensors, stated, mode, merged, notes)
    if gptq.is_quantized(checkpoint.tensors):
        view = gptq.view_quantized(checkpoint.tensors, stated, mode, merged)
        notes += view.warnings
        return view.tensors
    notes += left_behind(checkpoint.config, stated)
    return merged(checkpoint.tensors)


def _arranged(
    architecture: Architecture, weights: Mapping[str, RowSource], checkpoint: Checkpoint, notes: list[str]
) -> list[NamedTensor]:
    """Every tensor of the GGUF. An error of a quantized checkpoint names its format."""
    try:
        return architecture.plan(weights, checkpoint.config, notes)
    except KnownError as error:
        raise named_by_config(error, checkpoint.config, read_stated(checkpoint)) from error


def _refuse_adapter(checkpoint: Checkpoint) -> None:
    if checkpoint.files[0].name in ADAPTER_WEIGHTS:
        raise KnownError(
            "is_adapter",
            f"{checkpoint.folder} is a LoRA adapter, not a model.",
            "Give the model that it was trained on as SRC, and the adapter with --lora.",
            path=str(checkpoint.folder),
        )


def _write(conversion: Conversion, output: Output, digests: Digests, progress: ProgressCallback | None) -> FileReport:
    verifier = partial(verify, plans=output.plans, threads=conversion.options.threads, progress=progress)
    # The digests are computed while the weights are written; placeholders of the same length stand for them until then.
    placeholders = dict.fromkeys(conversion.checkpoint.inputs, _NO_DIGEST)
    written = write_gguf(
        output.path,
        conversion.metadata(output, placeholders),
        output.plans,
        threads=conversion.options.threads,
        progress=digests.following(progress),
        resume=conversion.options.resume,
        inputs=conversion.inputs,
        recipe={
            "gptq": conversion.options.gptq_mode,
            "adapters": [[str(one.folder.resolve()), one.strength] for one in conversion.adapters],
        },
        final_metadata=lambda: conversion.metadata(output, digests.result()),
        verifier=and_loads(verifier, output.path) if conversion.options.verify else None,
    )
    return describe(
        output.path,
        _file_type(output, size_by_type(output.plans)).name,
        output.plans,
        written.n_bytes,
        written.progress.seconds,
        proof=written.proof,
    )


def _report(
    source: Path, conversion: Conversion, files: Sequence[FileReport], *, sha256: Mapping[str, str] | None = None
) -> ConversionReport:
    """The report of a conversion, or without digests of a plan."""
    notes = tuple(conversion.notes)
    written = sha256 is not None
    return ConversionReport(source, conversion.architecture.name, written, tuple(files), notes, sha256 or {})


def _file_type(output: Output, used: Mapping[GGMLType, int]) -> FileType:
    """The file type; for a file with moved blocks the one that most of its bytes have."""
    requantized = not output.kind.quantized and any(plan.exactness == "requantized" for plan in output.plans)
    if not requantized and not any(plan.packed for plan in output.plans):
        return output.kind
    largest = max(used, key=lambda kind: used[kind])
    return next((kind for kind in FILE_TYPES.values() if kind.base is largest), output.kind)
