"""Chooses a type for every tensor with the least sum of losses within a number of bytes: a multiple-choice knapsack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Option:
    """A type that a tensor may have: its bytes in the file, padding included, and its loss (nats per token)."""

    type: str
    n_bytes: int
    loss: float


def knapsack(options: Mapping[str, Sequence[Option]], room: int) -> dict[str, Option]:
    """One option per tensor, together at most `room` bytes, with nearly the least sum of losses.

    The greedy algorithm for the relaxed problem (Sinha and Zoltners 1979): start with the smallest options, and take
    steps along each tensor's lower convex hull of (bytes, loss), the most gain per byte first. That is optimal but for
    the first step that no longer fits; so it is off by at most the gain of one step. What room is left then goes to
    whatever single change still fits and gains most.
    """
    chosen = {name: min(given, key=lambda o: (o.n_bytes, o.loss)) for name, given in options.items()}
    left = room - sum(option.n_bytes for option in chosen.values())
    steps = [(name, before, after) for name, given in options.items() for before, after in _hull_steps(given)]
    steps.sort(key=lambda step: _slope(step[1], step[2]))
    closed = set()  # tensors that may not go on: a later step of their hull starts where a skipped one ends
    for name, before, after in steps:
        extra = after.n_bytes - before.n_bytes
        if name in closed or extra > left:
            closed.add(name)
            continue
        chosen[name] = after
        left -= extra
    while True:
        better = [
            (option.loss - chosen[name].loss, name, option)
            for name, given in options.items()
            for option in given
            if option.loss < chosen[name].loss and option.n_bytes - chosen[name].n_bytes <= left
        ]
        if not better:
            return chosen
        _, name, option = min(better, key=lambda change: change[:2])
        left -= option.n_bytes - chosen[name].n_bytes
        chosen[name] = option


def _hull_steps(options: Sequence[Option]) -> list[tuple[Option, Option]]:
    """The edges of the lower convex hull of (bytes, loss), smallest first: each gains less per byte than the last."""
    hull: list[Option] = []
    for option in sorted(options, key=lambda o: (o.n_bytes, o.loss)):
        if hull and (option.n_bytes == hull[-1].n_bytes or option.loss >= hull[-1].loss):
            continue
        # The last point is above the line from the one before it to this option: it is not on the hull.
        while len(hull) > 1 and _slope(hull[-2], option) <= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(option)
    return list(pairwise(hull))


def _slope(before: Option, after: Option) -> float:
    return (after.loss - before.loss) / (after.n_bytes - before.n_bytes)
