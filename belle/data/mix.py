"""Several sources in a fixed ratio, as ChatHome mixes one part of its domain with five of general data.

The ratio holds at every point of the result, not only at its end, so that no part of the training sees one source
alone. Rows stream through; only a window of each source is in memory, and is drawn from at random.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
WINDOW = 10_000
"""Rows of each source that are in memory and drawn from at random."""


@dataclass(frozen=True)
class Source(Generic[T]):
    """Rows that can be iterated several times.

    Args:
        open: an iteration from the first row.
        weight: its share of the ratio.
    """

    open: Callable[[], Iterable[T]]
    weight: float


def shuffled(rows: Iterable[T], randomness: random.Random, window: int = WINDOW) -> Iterator[T]:
    """`rows` in an order that is random within a window that moves over them."""
    waiting: list[T] = []
    for row in rows:
        if len(waiting) < window:
            waiting.append(row)
            continue
        index = randomness.randrange(window)
        yield waiting[index]
        waiting[index] = row
    randomness.shuffle(waiting)
    yield from waiting


def mixed(
    sources: Sequence[Source[T]], *, seed: int = 1234, repeat: bool = False, size: Callable[[T], float] = lambda _: 1.0
) -> Iterator[tuple[int, T]]:
    """Rows of all sources with the number of their source, in the ratio of the weights.

    Ends where a source ends, so that the ratio holds. With `repeat`, every source but the first begins again and the
    end of the first is the end.

    Args:
        size: what the ratio counts; 1 for rows, the length for characters.
    """
    total = sum(source.weight for source in sources)
    randoms = [random.Random(f"{seed}:{number}") for number in range(len(sources))]  # noqa: S311  # not for secrets
    streams = [shuffled(source.open(), rng) for source, rng in zip(sources, randoms, strict=True)]
    taken = [0.0] * len(sources)
    while True:
        everything = sum(taken)
        # The source that is furthest behind its share comes next.
        behind = [everything * s.weight / total - t + s.weight / total for s, t in zip(sources, taken, strict=True)]
        number = max(range(len(sources)), key=lambda i: (behind[i], -i))
        row = next(streams[number], None)
        if row is None and repeat and number > 0:
            streams[number] = shuffled(sources[number].open(), randoms[number])
            row = next(streams[number], None)
        if row is None:
            return
        taken[number] += size(row)
        yield number, row
