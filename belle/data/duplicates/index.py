"""Texts without duplicates, collected one by one: a text is kept unless it is a duplicate of one that was kept before.

Candidates are texts that agree in a band of MinHash values (`minhash.py`), and those that are equal. Of each candidate
the true Jaccard similarity is computed from its text, so no text is called a duplicate that is not one. Of the
duplicates some are missed: at the threshold at most 1 in 100 (`minhash.RECALL`), more similar ones more rarely. Of
texts that are like very many others without being duplicates, such as answers to one form letter, only the
`_MOST_VERIFIED` most similar candidates by their signatures are compared, so that the time for each text is bounded.

A million texts take about 0.5 GB of memory, whatever their length: the texts are in a temporary file. The same texts
in the same order give the same result.
"""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from belle.data.duplicates.key_table import KeyTable
from belle.data.duplicates.minhash import N_HASHES, MinHash, band_keys, bands_for
from belle.data.duplicates.shingles import compared, digest, features, jaccard
from belle.durable import writing

if TYPE_CHECKING:
    from belle.data.duplicates.shingles import Numbers

# Texts and characters that `add_all` looks at together.
_MOST_TEXTS, _MOST_CHARACTERS = 1024, 1 << 22
_MOST_VERIFIED = 16


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The kept text that another text is a duplicate of.

    Args:
        number: of the kept text; kept texts are numbered from 0.
        similarity: the Jaccard similarity of both, 0…1.
        equal: whether they are equal when normalised.
    """

    number: int
    similarity: float
    equal: bool


class DuplicateIndex:
    """Texts of which none is a duplicate of another.

    Args:
        threshold: the Jaccard similarity from which on two texts are duplicates, above 0…1; 1 finds only texts that are
            equal when normalised.
        seed: of the hash functions.
    """

    def __init__(self, threshold: float = 0.8, *, seed: int = 1234) -> None:
        self.threshold = threshold
        self._minhash = MinHash(seed)
        self._n_bands = bands_for(threshold) if threshold < 1 else 0
        self._table = KeyTable()
        self._texts = _TextFile()
        self._marks = _Marks(N_HASHES if self._n_bands else 0)

    def __len__(self) -> int:
        """How many texts are kept."""
        return len(self._texts)

    def find(self, text: str) -> Duplicate | None:
        """The kept text that `text` is a duplicate of, usually the most similar one; None when there is none."""
        batch = self._batch([text])
        return self._find(batch, 0)

    def add(self, text: str) -> Duplicate | None:
        """Keep `text`, unless it is a duplicate: then return what of, as `find`.

        Raises KnownError("disk_full").
        """
        return self._add_batch([text])[0]

    def add_all(self, texts: Iterable[str]) -> Iterator[Duplicate | None]:
        """As `add`, for one text after the other, but faster: it reads up to 1,024 texts ahead."""
        for batch in _batches(texts):
            yield from self._add_batch(batch)

    def _add_batch(self, texts: Sequence[str]) -> list[Duplicate | None]:
        batch = self._batch(texts)
        results = []
        for index, text in enumerate(batch.texts):
            duplicate = self._find(batch, index)
            results.append(duplicate)
            if duplicate is None:
                self._table.add(batch.keys[index], self._texts.add(text))
                self._marks.add(batch.marks[index])
        self._table.settle()
        return results

    def _batch(self, texts: Sequence[str]) -> _Batch:
        import numpy as np

        texts = [compared(text) for text in texts]
        equal = np.frombuffer(b"".join(digest(text, 8) for text in texts), np.uint64)
        keys = equal[:, None]  # [texts, 1 + bands]
        marks: Numbers = np.zeros((len(texts), 0), np.uint8)
        if self._n_bands:
            signatures = self._minhash.signatures(texts)
            keys = np.concatenate((keys, band_keys(signatures, self._n_bands)), axis=1)
            marks = (signatures & np.uint32(255)).astype(np.uint8)
        indices, numbers = self._table.settled(keys.reshape(-1))
        settled: dict[int, list[int]] = {}
        for row, number in zip((indices // keys.shape[1]).tolist(), numbers.tolist(), strict=True):
            settled.setdefault(row, []).append(number)
        return _Batch(texts, keys.tolist(), marks, settled)

    def _find(self, batch: _Batch, index: int) -> Duplicate | None:
        text = batch.texts[index]
        candidates = {*self._table.recent(batch.keys[index]), *batch.settled.get(index, ())}
        own: Numbers | None = None
        for number in self._likely(sorted(candidates), batch.marks[index]):
            other = self._texts[number]
            if other == text:
                return Duplicate(number, 1.0, equal=True)
            if self._n_bands:
                own = features(text) if own is None else own
                similarity = jaccard(own, features(other))
                if similarity >= self.threshold:
                    return Duplicate(number, similarity, equal=False)
        return None

    def _likely(self, candidates: list[int], marks: Numbers) -> list[int]:
        """The candidates that may reach the threshold by their signatures, the most similar first."""
        import numpy as np

        if not candidates or not self._n_bands:
            return candidates[:_MOST_VERIFIED]
        numbers = np.array(candidates)
        # Two texts share a mark when they share the hash value, and else by chance in one of 256 (b-bit MinHash: Li
        # and König 2010).
        estimates = ((self._marks[numbers] == marks).mean(axis=1) * 256 - 1) / 255
        deviation = (self.threshold * (1 - self.threshold) / N_HASHES) ** 0.5
        order = np.argsort(-estimates, kind="stable")
        likely: list[int] = numbers[order[estimates[order] >= self.threshold - 4 * deviation]].tolist()
        return likely[:_MOST_VERIFIED]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Texts that are looked up together.

    Args:
        texts: as they are compared.
        keys: of each text.
        marks: the lowest 8 bits of their MinHash values, uint8 `[texts, N_HASHES]`.
        settled: by index, the kept texts that share a key, but for the recent ones.
    """

    texts: list[str]
    keys: list[list[int]]
    marks: Numbers
    settled: dict[int, list[int]]


class _TextFile:
    """Texts in a temporary file, by number."""

    def __init__(self) -> None:
        # Unbuffered: reads and writes alternate. It lives as long as this object.
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._folder = Path(tempfile.gettempdir())
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, text: str) -> int:
        """Returns its number. Raises KnownError("disk_full")."""
        data = text.encode("utf-8", "surrogatepass")
        with writing(self._folder):
            self._file.seek(self._ends[-1])
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        self._ends.append(self._ends[-1] + len(data))
        return len(self) - 1

    def __getitem__(self, number: int) -> str:
        self._file.seek(self._ends[number])
        return self._file.read(self._ends[number + 1] - self._ends[number]).decode("utf-8", "surrogatepass")


class _Marks:
    """Rows of uint8 `[texts, width]`, in one array that grows."""

    def __init__(self, width: int) -> None:
        import numpy as np

        self._rows = np.empty((0, width), np.uint8)
        self._count = 0

    def add(self, row: Numbers) -> None:
        import numpy as np

        if self._count == len(self._rows):
            grown = np.empty((self._count * 3 // 2 + 1024, len(row)), np.uint8)
            grown[: self._count] = self._rows[: self._count]
            self._rows = grown
        self._rows[self._count] = row
        self._count += 1

    def __getitem__(self, numbers: Numbers) -> Numbers:
        rows: Numbers = self._rows[numbers]
        return rows


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if len(batch) == _MOST_TEXTS or size > _MOST_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
