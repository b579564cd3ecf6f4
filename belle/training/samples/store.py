"""Encoded samples on disk: written once, then read by memory map, so that ten million of them need no memory.

A folder with four arrays and a description:

- `tokens.bin` int32: token ids of all sequences, one after the other; a token without loss is stored as its complement
  (−1 − id), which costs no second array.
- `ends.bin` int64: where each sequence ends in it.
- `rows.bin` int64: the line or row of its file that each sample came from; `files.bin` int32: and which file.
- `samples.json`: counts, the files, sequences per sample (two for preference pairs).

It is written under another name and renamed at the end, so a folder of that name is complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from belle.documents import read_json_object
from belle.texts import utf8

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DESCRIPTION = "samples.json"


@dataclass
class Counts:
    """What became of the rows.

    Args:
        rows: read.
        samples: kept; a long document gives several.
        dropped: rows without anything to train on, by the reason.
        untrained: rows of which an answer is not trained on, by the reason.
        cut: rows that lost turns to fit.
        tokens: in all sequences.
        trained: tokens the loss is computed on.
    """

    rows: int = 0
    samples: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    untrained: dict[str, int] = field(default_factory=dict)
    cut: int = 0
    tokens: int = 0
    trained: int = 0

    def add(self, other: Counts) -> None:
        """Add what another part of the rows gave."""
        for name, value in asdict(other).items():
            mine = getattr(self, name)
            if isinstance(mine, dict):
                for reason, count in value.items():
                    mine[reason] = mine.get(reason, 0) + count
            else:
                setattr(self, name, mine + value)

    def drop(self, reason: str) -> None:
        """One row is left out."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    @property
    def dropped_in_words(self) -> list[str]:
        """How many rows were left out for each reason, the most frequent first."""
        return [f"{count:,} dropped: {reason}" for reason, count in _frequent(self.dropped)]

    def as_text(self) -> str:
        """One sentence for the person who started the run."""
        notes = self.dropped_in_words
        notes += [f"{count:,} in which {reason}, not trained on" for reason, count in _frequent(self.untrained)]
        if self.cut:
            notes.append(f"{self.cut:,} without their oldest turns")
        share = f"{self.trained / max(self.tokens, 1):.0%} of them trained"
        return f"{self.samples:,} samples of {self.rows:,} rows, {self.tokens:,} tokens, {share}" + "".join(
            f"; {note}" for note in notes
        )


def _frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


@dataclass(frozen=True)
class EncodedSamples:
    """Some encoded samples, in order.

    Args:
        tokens: as in `tokens.bin`.
        lengths: of each sequence.
        rows: the row of each sample.
    """

    tokens: NDArray[np.int32]
    lengths: NDArray[np.int32]
    rows: NDArray[np.int64]
    counts: Counts


class SampleWriter:
    """Writes a folder of samples, part by part; a context manager that closes the files."""

    def __init__(self, folder: Path, per_sample: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._per_sample = per_sample
        self._streams = {name: (folder / f"{name}.bin").open("wb") for name in ("tokens", "ends", "rows", "files")}
        self._end = 0
        self._sources: dict[tuple[str, int], int] = {}
        self.counts = Counts()

    def __enter__(self) -> SampleWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams.values():
            stream.close()

    def add(self, part: EncodedSamples, source: str, number: int) -> None:
        """Append the samples of `part`, which came from the file `source`, part of input `number`. Raises OSError."""
        import numpy as np

        ends = self._end + np.cumsum(part.lengths, dtype=np.int64)  # offsets in the whole of tokens.bin [sequences]
        self._end = int(ends[-1]) if len(ends) else self._end
        self._write("tokens", part.tokens.astype("<i4", copy=False))
        self._write("ends", ends.astype("<i8", copy=False))
        self._write("rows", part.rows.astype("<i8", copy=False))
        file = self._sources.setdefault((source, number), len(self._sources))
        self._write("files", np.full(len(part.rows), file, "<i4"))
        self.counts.add(part.counts)

    def finish(self) -> None:
        """Write the description."""
        for stream in self._streams.values():
            stream.flush()
        sources = [{"path": path, "input": number} for path, number in self._sources]
        description = {"per_sample": self._per_sample, "counts": asdict(self.counts), "sources": sources}
        (self._folder / DESCRIPTION).write_bytes(utf8(json.dumps(description, ensure_ascii=False, indent=1)))

    def _write(self, name: str, array: NDArray[Any]) -> None:
        self._streams[name].write(array.data if len(array) else b"")


class SampleSet:
    """The samples of a folder that `SampleWriter` wrote.

    Args:
        inputs: path, size (bytes), sha256 and weight of each file or folder they came from.
        chosen: numbers of the samples in the folder that belong to the set, in order; None for all.

    Attributes:
        counts: what became of the rows, of all in the folder.
        per_sample: sequences of each sample: 1, or 2 for preference pairs.
    """

    def __init__(
        self, folder: Path, inputs: Sequence[Mapping[str, Any]], chosen: NDArray[np.int64] | None = None
    ) -> None:
        description = read_json_object(folder / DESCRIPTION)
        self.folder = folder
        self.per_sample: int = description["per_sample"]
        self.counts = Counts(**description["counts"])
        self.inputs = [dict(entry) for entry in inputs]
        self._sources: list[dict[str, Any]] = description["sources"]
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._rows) if self._chosen is None else len(self._chosen)

    def subset(self, chosen: NDArray[np.int64]) -> SampleSet:
        """The samples with these numbers, each as often as it is named. Not of a subset."""
        return SampleSet(self.folder, self.inputs, chosen)

    def sequences(self, sample: int) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
        """Token ids and which of them are trained, for each sequence of a sample."""
        first = self._number(sample) * self.per_sample
        return [self._sequence(number) for number in range(first, first + self.per_sample)]

    def name(self, sample: int) -> str:
        """Where a sample came from, for people."""
        number = self._number(sample)
        return f"{self._sources[self._files[number]]['path']} row {self._rows[number]}"

    def _number(self, sample: int) -> int:
        """Its number in the folder."""
        return sample if self._chosen is None else int(self._chosen[sample])

    @cached_property
    def input_numbers(self) -> NDArray[np.int64]:
        """Which of `inputs` each sample came from `[samples]`."""
        import numpy as np

        of_files = np.array([source["input"] for source in self._sources], np.int64)
        return self._of_chosen(of_files[self._files])

    @cached_property
    def row_numbers(self) -> NDArray[np.int64]:
        """Which row each sample came from, counted from 0 over all rows that gave samples `[samples]`."""
        import numpy as np

        new = (np.diff(self._rows, prepend=-1) != 0) | (np.diff(self._files, prepend=-1) != 0)
        return self._of_chosen(np.cumsum(new) - 1)

    def _of_chosen(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self._chosen is None else values[self._chosen]

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Tokens of each sample; of a pair, of its longer sequence `[samples]`."""
        import numpy as np

        lengths = np.diff(self._ends, prepend=0).astype(np.int32)
        longest: NDArray[np.int32] = lengths.reshape(-1, self.per_sample).max(axis=1)  # of [samples, per_sample]
        return self._of_chosen(longest)

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        """How often each sample comes up in an epoch `[samples]`; None when each comes up once."""
        import numpy as np

        of_files = np.array([self.inputs[source["input"]]["weight"] for source in self._sources])
        return None if np.all(of_files == 1) else self._of_chosen(of_files[self._files])

    def _sequence(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        start = int(self._ends[number - 1]) if number else 0
        stored = self._tokens[start : int(self._ends[number])]
        trained = stored >= 0
        return stored ^ (trained.astype("i4") - 1), trained  # undoes the complement: −1 − (−1 − id) = id

    @cached_property
    def _tokens(self) -> NDArray[np.int32]:
        return self._mapped("tokens", "<i4")

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return self._mapped("ends", "<i8")

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return self._mapped("rows", "<i8")

    @cached_property
    def _files(self) -> NDArray[np.int32]:
        return self._mapped("files", "<i4")

    def _mapped(self, name: str, dtype: str) -> NDArray[Any]:
        import numpy as np

        path = self.folder / f"{name}.bin"
        return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)
