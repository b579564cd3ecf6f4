"""The report of a conversion or a plan: every tensor with its type, size and exactness, and the totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from belle.texts import visible
from convert.checkpoint import Checkpoint
from convert.output.verify import FileProof
from convert.plan.plan import TensorPlan


@dataclass(frozen=True)
class TensorReport:
    """One tensor: `source` is its name and `source_dtype` its type in the checkpoint; `shape` in numpy order."""

    name: str
    shape: tuple[int, ...]
    source: str
    source_dtype: str
    type: str
    n_bytes: int
    exactness: str


@dataclass(frozen=True)
class FileReport:
    """One output file.

    Attributes:
        path: of the file.
        type: the file type.
        n_bytes: of the whole file.
        n_weights: number of weights.
        head_bytes: metadata and padding.
        seconds: duration; 0 for a plan.
        tensors: in the order of the file.
        proof: the result of comparing the file with the checkpoint; None if it was not compared.
    """

    path: Path
    type: str
    n_bytes: int
    n_weights: int
    head_bytes: int
    seconds: float
    tensors: tuple[TensorReport, ...]
    proof: FileProof | None = None

    @property
    def bits_per_weight(self) -> float:
        """The average over all tensors."""
        return 8 * sum(tensor.n_bytes for tensor in self.tensors) / self.n_weights

    def exactness(self) -> dict[str, int]:
        """Number of tensors by exactness, the most frequent first."""
        return dict(Counter(tensor.exactness for tensor in self.tensors).most_common())


@dataclass(frozen=True)
class ConversionReport:
    """One conversion.

    Attributes:
        source: the checkpoint.
        architecture: its name in GGUF.
        written: False for a plan (`--dry-run`).
        files: one per file type.
        notes: sentences for the user.
        sha256: digests of the files that were read, by name; {} for a plan.
    """

    source: Path
    architecture: str
    written: bool
    files: tuple[FileReport, ...]
    notes: tuple[str, ...]
    sha256: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values; paths are text."""
        plain = asdict(self)
        plain["source"] = str(self.source)
        for file, report in zip(plain["files"], self.files, strict=True):
            file["path"] = str(report.path)
            file["bits_per_weight"] = round(report.bits_per_weight, 4)
            file["exactness"] = report.exactness()
        return plain


def describe(
    path: Path,
    type_name: str,
    plans: Sequence[TensorPlan],
    n_bytes: int,
    seconds: float,
    *,
    proof: FileProof | None = None,
) -> FileReport:
    """The report of one file, from its plan."""
    tensors = tuple(
        TensorReport(
            plan.name,
            plan.shape,
            plan.source.name,
            plan.source.dtype,
            plan.type.name,
            plan.n_bytes,
            plan.exactness,
        )
        for plan in plans
    )
    n_weights = sum(plan.n_weights for plan in plans)
    head_bytes = n_bytes - sum(tensor.n_bytes for tensor in tensors)
    return FileReport(path, type_name, n_bytes, n_weights, head_bytes, seconds, tensors, proof)


def note_unread(checkpoint: Checkpoint) -> list[str]:
    """A sentence about weights of the same format that are not read, such as shards of an old index."""
    suffix = checkpoint.files[0].suffix
    names = [file.name for file in checkpoint.unused_files if file.suffix == suffix]
    if not names:
        return []
    return [f"Other weights in the folder were not read: {visible(', '.join(names[:5]))}{' …' * (len(names) > 5)}."]
