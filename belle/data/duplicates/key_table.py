"""Which texts have a key: a hash table that grows, in 12 bytes for each key of a text.

New keys are in a dictionary. When it is full they become a sorted array, and arrays of similar size are merged, so that
there are few of them and each key is moved only a few times (a log-structured merge tree: O'Neil et al. 1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from belle.data.duplicates.shingles import Numbers

_RECENT_KEYS = 1 << 18
MOST_FOUND = 256
"""Texts that are found for a key, in the dictionary and in each array: those that were added last."""


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Args: keys: uint64 `[keys]`, sorted; numbers: of their texts, uint32 `[keys]`."""

    keys: Numbers
    numbers: Numbers


class KeyTable:
    """Maps keys of 64 bits to the numbers of the texts that have them."""

    def __init__(self) -> None:
        self._recent: dict[int, list[int]] = {}
        self._n_recent = 0
        self._arrays: list[_Sorted] = []  # the largest first

    def add(self, keys: Sequence[int], number: int) -> None:
        """Add the keys of a text."""
        for key in keys:
            self._recent.setdefault(key, []).append(number)
        self._n_recent += len(keys)

    def recent(self, keys: Sequence[int]) -> list[int]:
        """The texts added since `settle` made an array that have one of the keys, some of them several times."""
        table = self._recent
        return [number for key in keys if key in table for number in table[key][-MOST_FOUND:]]

    def settled(self, keys: Numbers) -> tuple[Numbers, Numbers]:
        """The texts in the arrays that have one of several keys.

        Args:
            keys: uint64 `[keys]`.

        Returns pairs of an index into `keys` and the number of a text that has this key, int64 `[pairs]` each.
        """
        import numpy as np

        order = np.argsort(keys)  # searched in order, neighbouring places of an array are read one after the other
        found = [_find(array, keys[order]) for array in self._arrays]
        indices = np.concatenate([np.zeros(0, np.int64), *(order[index] for index, _ in found)])
        numbers = np.concatenate([np.zeros(0, np.int64), *(number for _, number in found)])
        return indices, numbers

    def settle(self) -> None:
        """Make an array of the dictionary if it is full."""
        if self._n_recent >= _RECENT_KEYS:
            self._arrays.append(_as_array(self._recent, self._n_recent))
            self._recent, self._n_recent = {}, 0
        while len(self._arrays) > 1 and 2 * len(self._arrays[-1].keys) > len(self._arrays[-2].keys):
            last, before = self._arrays.pop(), self._arrays.pop()
            self._arrays.append(_merged(before, last))


def _as_array(table: dict[int, list[int]], n_keys: int) -> _Sorted:
    import numpy as np

    keys = np.fromiter((key for key, numbers in table.items() for _ in numbers), np.uint64, n_keys)
    numbers = np.fromiter((number for numbers in table.values() for number in numbers), np.uint32, n_keys)
    order = np.argsort(keys, kind="stable")
    return _Sorted(keys[order], numbers[order])


def _merged(older: _Sorted, newer: _Sorted) -> _Sorted:
    import numpy as np

    keys = np.empty(len(older.keys) + len(newer.keys), np.uint64)
    numbers = np.empty(len(keys), np.uint32)
    # Where a newer key goes: behind all smaller ones of both arrays, and behind equal older ones.
    places = np.searchsorted(older.keys, newer.keys, "right") + np.arange(len(newer.keys))
    rest = np.ones(len(keys), bool)
    rest[places] = False
    keys[places], numbers[places] = newer.keys, newer.numbers
    keys[rest], numbers[rest] = older.keys, older.numbers
    return _Sorted(keys, numbers)


def _find(array: _Sorted, keys: Numbers) -> tuple[Numbers, Numbers]:
    """Indices into `keys` and the numbers of the texts with these keys `[pairs]`."""
    import numpy as np

    first = np.searchsorted(array.keys, keys)
    hits = np.flatnonzero(array.keys[np.minimum(first, len(array.keys) - 1)] == keys)
    ends = np.searchsorted(array.keys, keys[hits], "right")
    counts = np.minimum(ends - first[hits], MOST_FOUND)
    indices = np.repeat(hits, counts)
    # Counted backwards from the end of each run of equal keys.
    back = np.arange(len(indices)) - np.repeat(np.cumsum(counts) - counts, counts)
    return indices, array.numbers[np.repeat(ends, counts) - 1 - back].astype(np.int64)
