"""Near-duplicate texts, found by MinHash of character shingles and locality-sensitive hashing.

Chinese has no spaces between words, so the features of a text are all its runs of a few characters, after case, width,
spaces and punctuation are normalised away. The Jaccard similarity of two texts (features that both have, divided by
those that either has) is estimated from the smallest hash values (MinHash: Broder 1997); only texts that agree in a
whole band of them are compared (locality-sensitive hashing: Indyk and Motwani 1998). Signatures go to a temporary file,
so memory grows by some tens of bytes with every text, whatever its length.
"""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[Any]]

SHINGLE = 4
"""Characters in a feature."""

_HASHES = 96
# A block of this many hash values at once bounds the memory for one long text.
_BLOCK = 1 << 15


def normalised(text: str) -> str:
    """`text` in the form that is compared: NFKC, lower case, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def digest(text: str) -> bytes:
    """A 128-bit hash of the normalised `text`; of the text itself when it has no letters or digits."""
    return hashlib.blake2b((normalised(text) or text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def features(text: str, length: int = SHINGLE) -> Numbers:
    """The hashes of the distinct runs of `length` characters in a normalised text: uint64 `[features]`, sorted.

    A shorter text is one run.
    """
    import numpy as np

    codes: Numbers = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    if len(codes) == 0:
        return codes
    if len(codes) < length:
        codes = np.pad(codes, (0, length - len(codes)))
    hashed: Numbers = np.zeros(len(codes) - length + 1, np.uint64)
    # A polynomial hash of all runs at once, with the FNV prime as its base, modulo 2^64.
    for offset in range(length):
        hashed = hashed * np.uint64(1_099_511_628_211) + codes[offset : offset + len(hashed)]
    distinct: Numbers = np.unique(_mixed(hashed))
    return distinct


def _mixed(values: Numbers) -> Numbers:
    """Hash each value so that every bit of it affects every bit of the result (the finalizer of MurmurHash3)."""
    import numpy as np

    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    result: Numbers = values ^ (values >> np.uint64(33))
    return result


def bands_for(threshold: float) -> int:
    """The number of bands with which pairs at `threshold` are found with a probability of about 98 %.

    Two texts of similarity s agree in a band of r values with probability s^r, and in at least one of n bands with
    1 − (1 − s^r)^n (Leskovec et al., Mining of Massive Datasets, section 3.4.2).
    """
    choices = [count for count in range(1, _HASHES + 1) if _HASHES % count == 0]
    return next((n for n in choices if 1 - (1 - threshold ** (_HASHES // n)) ** n >= 0.98), _HASHES)


class SimilarTexts:
    """Collects texts, then groups those that are duplicates of each other.

    Args:
        threshold: the Jaccard similarity from which on two texts are near duplicates, 0…1; 1 finds only texts that are
            equal when normalised.
        seed: of the hash functions.
    """

    def __init__(self, threshold: float = 0.8, seed: int = 1234) -> None:
        import numpy as np

        random = np.random.default_rng(seed)
        self.threshold = threshold
        self._factors = random.integers(1, 1 << 63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._shifts = random.integers(0, 1 << 63, _HASHES, dtype=np.uint64)
        self._digests = array("Q")
        self._file: IO[bytes] | None = None
        if threshold < 1:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this object
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._digests) // 2

    def add(self, text: str) -> None:
        """Add the next text; texts are numbered from 0."""
        self._digests.frombytes(digest(text))
        if self._file is not None:
            self._file.write(self._signature(text).tobytes())

    def _signature(self, text: str) -> Numbers:
        """The smallest value of each hash function over the features: uint32 `[_HASHES]`."""
        import numpy as np

        hashes = features(normalised(text) or text)
        smallest = np.full(_HASHES, np.iinfo(np.uint32).max, np.uint32)
        for start in range(0, len(hashes), _BLOCK):
            # Multiply-add with an odd factor, of which the high half is used (Dietzfelbinger 1996): [block, _HASHES].
            block = hashes[start : start + _BLOCK, None] * self._factors + self._shifts
            smallest = np.minimum(smallest, (block >> np.uint64(32)).astype(np.uint32).min(axis=0))
        return smallest

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
            self._file.flush()
            signatures = np.memmap(self._file, np.uint32, "r", shape=(len(self), _HASHES))  # [texts, _HASHES]
            for members in self._buckets(signatures, np.unique(exact)):
                self._join(signatures, members, roots)
        return roots.all()

    def _buckets(self, signatures: Numbers, distinct: Numbers) -> Iterator[Any]:
        """Groups of `distinct` texts that agree in one band."""
        import numpy as np

        count = bands_for(self.threshold)
        for band in np.split(np.arange(_HASHES), count):
            keys = np.zeros(len(distinct), np.uint64)  # a hash of the values of the band [distinct]
            for column in band:
                keys = _mixed(keys + signatures[distinct, column].astype(np.uint64))
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
