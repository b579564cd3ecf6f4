"""Writes the vision encoder of a model that sees as a GGUF of its own, which programs call mmproj."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gguf.constants import GGMLQuantizationType as GGMLType

from belle.errors import KnownError
from belle.gguf.types import FileType, file_type, row_bytes
from belle.gguf.writer import KeyValue, padded, serialize
from convert.architectures import NamedTensor
from convert.checkpoint import Checkpoint
from convert.checkpoint.json_file import read_json_object
from convert.metadata import count, general_metadata, text
from convert.output.digests import Digests
from convert.output.part_file import check_output
from convert.output.progress import ProgressCallback
from convert.output.verify import verify
from convert.output.writer import write_gguf
from convert.plan.options import ConvertOptions
from convert.plan.plan import TensorPlan, data_size, exactness_of
from convert.report import ConversionReport, FileReport, describe, note_unread
from convert.vision.halves import sees, tower_config, tower_tensors
from convert.vision.towers import tower_of

_DEFAULT_TYPE, _FULL_TYPE = "f16", "f32"
_POSITIONS = "position_embd.weight"
_LONGEST = 1 << 20


@dataclass(frozen=True)
class MmprojOutput:
    """The vision encoder of a checkpoint, checked and planned.

    Attributes:
        path: of the file.
        kind: its file type.
        plans: its tensors.
        entries: the `clip.*` entries.
        checkpoint: the whole model's, open.
        options: of the conversion.
    """

    path: Path
    kind: FileType
    plans: list[TensorPlan]
    entries: list[KeyValue]
    checkpoint: Checkpoint
    options: ConvertOptions

    def metadata(self, sha256: Mapping[str, str]) -> list[KeyValue]:
        """All entries of the header, given the digests of the inputs by file name."""
        general = general_metadata(
            self.checkpoint.folder,
            self.checkpoint.config,
            architecture="clip",
            n_parameters=sum(plan.n_weights for plan in self.plans),
            sha256=sha256,
            name=self.options.name,
            license_id=self.options.license_id,
            repository=self.options.repository,
        )
        general = [text(e.key, "mmproj") if e.key == "general.type" else e for e in general]
        return [*general, count("general.file_type", self.kind.number), *self.entries]

    def described(self, sha256: Mapping[str, str]) -> FileReport:
        """The report of a plan."""
        head = serialize(self.metadata(sha256), [plan.info for plan in self.plans])
        return describe(self.path, self.kind.name, self.plans, len(head) + data_size(self.plans), 0.0)


def mmproj_type(options: ConvertOptions) -> FileType:
    """F32 where that is the only type asked for, else F16: the encoder is small, and pictures suffer from less."""
    return file_type(_FULL_TYPE if set(options.types) == {_FULL_TYPE} else _DEFAULT_TYPE)


def plan_mmproj(checkpoint: Checkpoint, path: Path, options: ConvertOptions, notes: list[str]) -> MmprojOutput:
    """Check and plan the vision encoder. `notes` gets sentences for the report.

    Raises KnownError as the language model's conversion does.
    """
    config = tower_config(checkpoint.config)
    tower = tower_of(config)
    kind = mmproj_type(options)
    entries = tower.metadata(config, _preprocessor(checkpoint.folder))
    tensors = tower.plan(tower_tensors(checkpoint), config, notes)
    check_output(path, list(checkpoint.inputs.values()))
    return MmprojOutput(path, kind, _plans(tensors, kind.base), entries, checkpoint, options)


def write_mmproj(output: MmprojOutput, digests: Digests, progress: ProgressCallback | None) -> FileReport:
    """Write the file, and read it back unless that was not asked for. Raises KnownError as every conversion does."""
    options = output.options
    verifier = partial(verify, plans=output.plans, threads=options.threads, progress=progress)
    # The digests are computed while the weights are written; placeholders of the same length stand for them until then.
    written = write_gguf(
        output.path,
        output.metadata(_no_digests(output.checkpoint)),
        output.plans,
        threads=options.threads,
        progress=digests.following(progress),
        resume=options.resume,
        inputs=list(output.checkpoint.inputs.values()),
        final_metadata=lambda: output.metadata(digests.result()),
        verifier=verifier if options.verify else None,
    )
    return describe(
        output.path, output.kind.name, output.plans, written.n_bytes, written.progress.seconds, proof=written.proof
    )


def convert_mmproj(
    checkpoint: Checkpoint,
    source: Path,
    out: Path,
    options: ConvertOptions,
    *,
    write: bool = True,
    progress: ProgressCallback | None = None,
) -> ConversionReport:
    """Write the vision encoder of `checkpoint`, which was opened at `source`, alone; without `write` only plan it.

    Raises KnownError: "no_vision_encoder", and as every conversion does.
    """
    if not sees(checkpoint.config):
        raise KnownError(
            "no_vision_encoder",
            f"{checkpoint.folder} is not a model with a vision encoder that can be converted.",
            "Leave --mmproj-only out to convert its language model.",
            path=str(checkpoint.folder),
        )
    notes = note_unread(checkpoint)
    output = plan_mmproj(checkpoint, out, options, notes)
    if not write:
        files = (output.described(_no_digests(checkpoint)),)
        return ConversionReport(source, "clip", False, files, tuple(notes))
    with Digests(checkpoint) as digests:
        files = (write_mmproj(output, digests, progress),)
        return ConversionReport(source, "clip", True, files, tuple(notes), digests.result())


def _no_digests(checkpoint: Checkpoint) -> dict[str, str]:
    return dict.fromkeys(checkpoint.inputs, "0" * 64)


def _plans(tensors: Iterable[NamedTensor], matrices: GGMLType) -> list[TensorPlan]:
    """Choose types and lay out the tensors. clip.cpp adds vectors and positions to F32, so they are F32."""
    plans: list[TensorPlan] = []
    offset = 0
    for tensor in tensors:
        source = tensor.source
        is_small = len(source.shape) < 2 or tensor.name.endswith(_POSITIONS)
        kind = GGMLType.F32 if is_small else matrices
        n_bytes = source.n_rows * row_bytes(kind, source.row_length)
        plans.append(TensorPlan(tensor.name, source.shape, source, kind, exactness_of(source, kind), n_bytes, offset))
        offset += padded(n_bytes)
    return plans


def _preprocessor(folder: Path) -> dict[str, Any]:
    """What the checkpoint says of how pictures are prepared; {} without a file."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = folder / name
        if path.is_file():
            value = read_json_object(path, kind="bad_config", longest=_LONGEST)
            inner = value.get("image_processor")
            return inner if isinstance(inner, dict) else value
    return {}
