"""What the training text already says: exactly, inside something longer, or nearly so.

Near-duplicates are measured by the Jaccard similarity of the sets of four-character runs. Comparing every pair would
take hours, so candidates are found first by their smallest hashes (bottom-k sketches; Broder, “On the resemblance and
containment of documents”, 1997), and only they are compared exactly.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable

from makers.sample import Sample

SIMILAR = 0.8
_RUN = 4
_SKETCH = 16
# Two texts of similarity 0.8 share 12.8 of 16 on average; fewer than 8 is all but impossible.
_CANDIDATE = 8


def plain(text: str) -> str:
    """Letters and digits only, in lower case."""
    return "".join(letter for letter in text.lower() if letter.isalnum())


def runs(text: str) -> frozenset[str]:
    """The four-character runs of `text` without punctuation."""
    bare = plain(text)
    return frozenset(bare[place : place + _RUN] for place in range(max(1, len(bare) - _RUN + 1)))


def similarity(first: frozenset[str], second: frozenset[str]) -> float:
    """Jaccard: what both have, of all that either has."""
    return len(first & second) / len(first | second)


def _sketch(text: frozenset[str]) -> list[int]:
    return sorted(zlib.crc32(run.encode()) for run in text)[:_SKETCH]


class TrainingText:
    """An index of the training side."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Read every sample once."""
        self._pairs: set[tuple[str, str]] = set()
        self._runs: list[frozenset[str]] = []
        self._with: dict[int, list[int]] = defaultdict(list)
        whole = []
        for number, sample in enumerate(samples):
            turns = [plain(turn) for turn in sample.turns]
            self._pairs.update(zip(turns[::2], turns[1::2], strict=True))
            whole.append(plain(sample.joined()))
            self._runs.append(runs(sample.joined()))
            for hashed in _sketch(self._runs[-1]):
                self._with[hashed].append(number)
        self._whole = "\n".join(whole)

    def says(self, sample: Sample) -> bool:
        """Whether training holds this text, its first question with this answer, or something nearly the same."""
        if sample.turns and (plain(sample.turns[0]), plain(sample.turns[1])) in self._pairs:
            return True
        if sample.text and plain(sample.text) in self._whole:
            return True
        mine = runs(sample.joined())
        sketch = _sketch(mine)
        needed = min(_CANDIDATE, max(1, len(sketch) // 2))
        found = Counter(number for hashed in sketch for number in self._with.get(hashed, ()))
        return any(
            similarity(mine, self._runs[number]) >= SIMILAR for number, count in found.items() if count >= needed
        )
