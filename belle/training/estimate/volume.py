"""The size of a run's data: counted where that is quick, else estimated from the first rows of each file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.data.read import scan_kinds
from belle.data.rows import Kind
from belle.errors import KnownError
from belle.training.samples.encode import Refusal, RowChunk, RowEncoder

if TYPE_CHECKING:
    from belle.training.recipe.options import DataFile, MixOptions

ROWS_ENCODED = 1000
"""Rows of each file that are encoded."""


@dataclass(frozen=True)
class Volume:
    """Data of one epoch.

    Args:
        rows: in the files.
        samples: that are trained on, with the files' weights.
        tokens: in the samples.
        trained: tokens whose loss is computed.
        longest: tokens of the longest encoded sample.
        exact: False when it is estimated from the first rows.
    """

    rows: int
    samples: int
    tokens: int
    trained: int
    longest: int
    exact: bool

    @property
    def mean_length(self) -> float:
        """Mean tokens of a sample."""
        return self.tokens / max(self.samples, 1)

    def with_general(self, general: Volume, mix: MixOptions) -> Volume:
        """This volume of a domain, with the part of the general data that the ratio takes."""
        mine, theirs = (self.rows, general.rows) if mix.by == "rows" else (self.tokens, general.tokens)
        part = float(mix.share) * mine / max(theirs, 1)
        return Volume(
            rows=self.rows + round(part * general.rows),
            samples=self.samples + round(part * general.samples),
            tokens=self.tokens + round(part * general.tokens),
            trained=self.trained + round(part * general.trained),
            longest=max(self.longest, general.longest),
            exact=False,
        )


def measure_data(files: Sequence[DataFile], kinds: Sequence[Kind], encoder: RowEncoder) -> Volume:
    """The size of all files, from the first rows of each.

    Args:
        kinds: that rows may have.

    Raises KnownError: those of `read_rows`, and of the encoder.
    """
    parts = [_measure_file(file, kinds, encoder) for file in files]
    return Volume(
        rows=sum(part.rows for part in parts),
        samples=sum(part.samples for part in parts),
        tokens=sum(part.tokens for part in parts),
        trained=sum(part.trained for part in parts),
        longest=max((part.longest for part in parts), default=0),
        exact=all(part.exact for part in parts),
    )


def _measure_file(file: DataFile, kinds: Sequence[Kind], encoder: RowEncoder) -> Volume:
    chunk = RowChunk(0, str(file.path))
    rows: Any = scan_kinds(file.path, kinds, file.format)
    last_line = 0
    for record, row in islice(rows, ROWS_ENCODED):
        if isinstance(row, KnownError):
            raise row
        last_line = record.number if record.unit == "line" else 0
        chunk.unit = record.unit
        chunk.rows.append((record.number, row))
    part = encoder.encode(chunk)
    if isinstance(part, Refusal):
        raise part.error()
    seen = len(chunk.rows)
    total = seen if seen < ROWS_ENCODED else _count_rows(file.path, seen, last_line, rows)
    factor = file.weight * total / max(seen, 1)
    counts = part.counts
    return Volume(
        rows=total,
        samples=round(counts.samples * factor),
        tokens=round(counts.tokens * factor),
        trained=round(counts.trained * factor),
        longest=int(part.lengths.max()) if len(part.lengths) else 0,
        exact=total == seen and file.weight == 1,
    )


def _count_rows(path: Path, seen: int, last_line: int, rest: Any) -> int:
    """The number of rows of a file whose first `seen` rows end on `last_line`.

    Estimated from the number of lines in a file of lines, else counted by reading on.
    """
    if last_line >= seen and path.is_file() and path.suffix != ".gz":
        lines = 0
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                lines += block.count(b"\n")
        return max(seen, round(seen * lines / last_line))
    return seen + sum(1 for _ in rest)
