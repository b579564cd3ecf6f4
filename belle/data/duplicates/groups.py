"""Groups of duplicates in a finished collection of texts, estimated by MinHash alone.

Near duplicates of near duplicates belong together here, so that a whole group can be held out or counted; to leave out
duplicates, see `belle.data.duplicates.index`. Signatures go to a temporary file, so memory grows by some tens of bytes
with every text, whatever its length.
"""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from belle.data.duplicates.minhash import N_HASHES, MinHash, bands_for
from belle.data.duplicates.shingles import compared, digest, mixed

if TYPE_CHECKING:
    from belle.data.duplicates.shingles import Numbers

# Texts and characters whose signatures are made together.
_MOST_TEXTS, _MOST_CHARACTERS = 256, 1 << 16


class SimilarTexts:
    """Collects texts, then groups those that are duplicates of each other.

    Args:
        threshold: the Jaccard similarity from which on two texts are near duplicates, 0…1; 1 finds only texts that are
            equal when normalised.
        seed: of the hash functions.
    """

    def __init__(self, threshold: float = 0.8, seed: int = 1234) -> None:
        self.threshold = threshold
        self._minhash = MinHash(seed)
        self._digests = array("Q")
        self._waiting: list[str] = []
        self._n_waiting = 0  # characters
        self._file: IO[bytes] | None = None
        if threshold < 1:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this object
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._digests) // 2

    def add(self, text: str) -> None:
        """Add the next text; texts are numbered from 0."""
        text = compared(text)
        self._digests.frombytes(digest(text))
        if self._file is not None:
            self._waiting.append(text)
            self._n_waiting += len(text)
            if len(self._waiting) == _MOST_TEXTS or self._n_waiting > _MOST_CHARACTERS:
                self._write_waiting(self._file)

    def _write_waiting(self, file: IO[bytes]) -> None:
        file.write(self._minhash.signatures(self._waiting).tobytes())
        self._waiting.clear()
        self._n_waiting = 0

    def exact_groups(self) -> Numbers:
        """For each text the number of the first one that is equal when normalised `[texts]`."""
        import numpy as np

        digests = np.frombuffer(self._digests, np.dtype([("high", "<u8"), ("low", "<u8")]))
        _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
        result: Numbers = first[inverse].astype(np.int64)
        return result

    def groups(self) -> Numbers:
        """For each text the number of the first one that it is a duplicate of, or its own `[texts]`.

        Near duplicates of near duplicates belong together.
        """
        import numpy as np

        exact = self.exact_groups()
        roots = _Roots(exact.copy())
        if self._file is not None and len(self):
            self._write_waiting(self._file)
            self._file.flush()
            signatures = np.memmap(self._file, np.uint32, "r", shape=(len(self), N_HASHES))  # [texts, N_HASHES]
            for members in self._buckets(signatures, np.unique(exact)):
                self._join(signatures, members, roots)
        return roots.all()

    def _buckets(self, signatures: Numbers, distinct: Numbers) -> Iterator[Any]:
        """Groups of `distinct` texts that agree in one band."""
        import numpy as np

        count = bands_for(self.threshold)
        for band in np.split(np.arange(N_HASHES), count):
            keys = np.zeros(len(distinct), np.uint64)  # a hash of the values of the band [distinct]
            for column in band:
                keys = mixed(keys + signatures[distinct, column].astype(np.uint64))
            order = np.argsort(keys, kind="stable")
            borders = np.flatnonzero(np.diff(keys[order])) + 1  # where the sorted keys change
            yield from (distinct[part] for part in np.split(order, borders) if len(part) > 1)

    def _join(self, signatures: Numbers, members: Any, roots: _Roots) -> None:
        """Join the members of a bucket that are alike: the share of equal values estimates the Jaccard similarity."""
        while len(members) > 1:
            head, others = members[0], members[1:]
            alike = (signatures[others] == signatures[head]).mean(axis=1) >= self.threshold  # [others]
            for other in others[alike]:
                roots.join(int(head), int(other))
            members = others[~alike]


class _Roots:
    """Disjoint sets of numbers, each represented by its smallest (union-find with path halving)."""

    def __init__(self, parents: Numbers) -> None:
        self._parents = parents

    def find(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]  # halves the path for the next search
            number = int(parents[number])
        return number

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parents[high] = low

    def all(self) -> Numbers:
        """The smallest number in the set of each number."""
        parents = self._parents
        while True:
            shorter = parents[parents]
            if (shorter == parents).all():
                return parents
            parents = shorter
