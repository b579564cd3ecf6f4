"""MinHash signatures (Broder 1997) of texts, and the bands of them by which similar texts meet.

A hash function has the same smallest value over the features of two texts with a probability that is their Jaccard
similarity. Only texts that agree in a whole band of such values are compared (locality-sensitive hashing: Indyk and
Motwani 1998).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from belle.data.duplicates.shingles import SHINGLE, mixed, runs

if TYPE_CHECKING:
    from belle.data.duplicates.shingles import Numbers

N_HASHES = 96
RECALL = 0.99
"""The share of pairs at the threshold that meet in a band, at least; of more similar pairs it is larger."""

# Characters at once: their hash values stay in the processor's cache.
_BLOCK = 1 << 16


def bands_for(threshold: float) -> int:
    """The number of bands with which pairs at `threshold` are found with a probability of at least `RECALL`.

    Two texts of similarity s agree in a band of r values with probability s^r, and in at least one of n bands with
    1 − (1 − s^r)^n (Leskovec et al., Mining of Massive Datasets, section 3.4.2).
    """
    choices = [count for count in range(1, N_HASHES + 1) if N_HASHES % count == 0]
    return next((n for n in choices if 1 - (1 - threshold ** (N_HASHES // n)) ** n >= RECALL), N_HASHES)


class MinHash:
    """Makes signatures of texts.

    Args:
        seed: of the hash functions.
    """

    def __init__(self, seed: int = 1234) -> None:
        import numpy as np

        random = np.random.default_rng(seed)
        self._factors = random.integers(0, 1 << 31, N_HASHES, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        self._shifts = random.integers(0, 1 << 32, N_HASHES, dtype=np.uint32)

    def signatures(self, texts: Sequence[str]) -> Numbers:
        """The smallest value of each hash function over the features of texts: uint32 `[texts, N_HASHES]`.

        Args:
            texts: as `compared` gives them.
        """
        import numpy as np

        result = np.empty((len(texts), N_HASHES), np.uint32)
        done = 0
        for block in _blocks(texts):
            hashes, starts = runs(block)
            values = (hashes >> np.uint64(32)).astype(np.uint32)
            for number in range(N_HASHES):
                # x → ax + b modulo 2^32 with an odd a permutes the 32-bit numbers.
                permuted = values * self._factors[number] + self._shifts[number]
                result[done : done + len(block), number] = np.minimum.reduceat(permuted, starts)
            done += len(block)
        return result


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Parts of `texts` of at most `_BLOCK` characters; a longer text is a part of its own."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        length = max(len(text), SHINGLE)
        if size and size + length > _BLOCK:
            yield texts[start:index]
            start, size = index, 0
        size += length
    if start < len(texts):
        yield texts[start:]


def band_keys(signatures: Numbers, count: int) -> Numbers:
    """A hash of the values of each of `count` bands, which also tells the bands apart: uint64 `[texts, count]`."""
    import numpy as np

    keys = np.broadcast_to(np.arange(1, count + 1, dtype=np.uint64), (len(signatures), count))
    for column in range(N_HASHES // count):
        keys = mixed(keys + signatures[:, column :: N_HASHES // count].astype(np.uint64))
    return keys
