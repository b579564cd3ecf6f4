"""Which samples are computed together, and in which order: the plan of one epoch, as a function of its arguments alone.

A plan can be asked for any of its batches, so a run resumes by counting. It is made for all processes at once and each
takes its share; what a step sees depends on how many samples a step has, not on how they are spread over processes and
micro-batches.

- pad: samples in random order. Short ones are padded to the longest of their batch.
- group: samples of like length together. In a random pool of some steps the samples are sorted by length, cut into
  steps, and the steps of all pools are shuffled. Hardly any padding; the best choice where attention has no kernel for
  packed rows.
- pack: several samples per row (see `best_fit_decreasing`). No padding; needs an attention kernel that skips the pairs
  of tokens of different samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from belle.errors import KnownError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["pack", "group", "pad"]

_MOST_SAMPLES = 1 << 31
"""In one epoch, as the weights of the files have it; their numbers alone would take 16 GB."""

POOL_STEPS = 64
"""Steps, at most, whose samples are sorted by length together: more pad less, fewer keep the order more random."""


@dataclass(frozen=True)
class EpochPlan(Sequence[list[list[int]]]):
    """The micro-batches of one process in one epoch.

    `plan[k]` lists the rows of a batch tensor, each as the numbers of the samples in it (one sample, except when
    packing). It is empty where this process has nothing left while others still have.

    Args:
        order: sample numbers, row after row `[samples]`.
        starts: where each row begins in `order`, and the end `[rows + 1]`.
        batch_size: rows per micro-batch.
        rank, world_size: micro-batch k of process r is number k · world_size + r of all.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    batch_size: int
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        """Micro-batches; the same number in every process."""
        rows, at_once = len(self.starts) - 1, self.batch_size * self.world_size
        return (rows + at_once - 1) // at_once

    def __getitem__(self, index: int) -> list[list[int]]:  # type: ignore[override]
        if not 0 <= index < len(self):
            raise IndexError(index)
        # Micro-batches go to the processes in turn, so a step of all of them is one run of rows.
        first = (index * self.world_size + self.rank) * self.batch_size
        bounds = self.starts[first : first + self.batch_size + 1].tolist()
        return [self.order[a:b].tolist() for a, b in pairwise(bounds)]


def plan_epoch(
    lengths: NDArray[np.int32],
    *,
    mode: Mode,
    batch_size: int,
    max_length: int,
    seed: int,
    epoch: int,
    rank: int = 0,
    world_size: int = 1,
    accumulation: int = 1,
    weights: NDArray[np.float64] | None = None,
    shuffle: bool = True,
) -> EpochPlan:
    """Plan an epoch. Equal arguments give an equal plan, on every machine.

    Args:
        lengths: tokens of each sample `[samples]`.
        batch_size: rows of a micro-batch; with `pack` a row is a block of `max_length` tokens.
        epoch: from 0; each has an order of its own.
        accumulation: micro-batches per process and step; with `group`, samples are grouped by whole steps.
        weights: how often each sample comes up in an epoch `[samples]`; 0.5: in every other epoch. None: once.
        shuffle: False keeps the samples' own order in `pad`, and sorts all of them in `group` (for evaluation).

    Raises KnownError: `no_samples`, `sample_too_long` (with `pack`), `epoch_too_long`.
    """
    import numpy as np

    rng = np.random.Generator(np.random.PCG64([seed, epoch]))
    samples: NDArray[np.int64] = np.arange(len(lengths)) if weights is None else _weighted(weights, seed, epoch)
    if not len(samples):
        raise KnownError("no_samples", "There is no sample to train on.", "Look at the data with “belle data check”.")
    if shuffle:
        rng.shuffle(samples)
    starts: NDArray[np.int64] = np.arange(len(samples) + 1)
    step = batch_size * world_size * accumulation
    if mode == "pack":
        samples, starts = _packed(samples, lengths, max_length, rng if shuffle else None)
    elif mode == "group":
        samples = _grouped(samples, lengths, step, rng if shuffle else None)
    return EpochPlan(samples, starts, batch_size, rank, world_size)


def _weighted(weights: NDArray[np.float64], seed: int, epoch: int) -> NDArray[np.int64]:
    """Sample numbers, each as often as its weight says. Over 1 ÷ f epochs, a fraction f reaches every sample once.

    Raises KnownError("epoch_too_long").
    """
    import numpy as np

    if weights.sum() > _MOST_SAMPLES:
        raise KnownError(
            "epoch_too_long",
            f"With the weights of “data” one epoch would have {weights.sum():.3g} samples.",
            "Give the files smaller weights; more epochs see everything more often.",
        )
    parts = []
    for weight in np.unique(weights):
        rows = np.flatnonzero(weights == weight)
        whole = int(weight)
        parts += [rows] * whole
        count = round((weight - whole) * len(rows))
        if count:
            # One order for all epochs: each epoch takes the part after that of the epoch before.
            circle = np.random.Generator(np.random.PCG64([seed, whole, len(rows)])).permutation(rows)
            parts.append(circle[(epoch * count + np.arange(count)) % len(rows)])
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _grouped(
    samples: NDArray[np.int64], lengths: NDArray[np.int32], step: int, rng: np.random.Generator | None
) -> NDArray[np.int64]:
    """The samples in an order in which each run of `step` has like lengths.

    The first step holds the longest sample, so that a run with too little memory fails at once; an incomplete step
    comes last.
    """
    import numpy as np

    if rng is None:
        return samples[np.argsort(-lengths[samples], kind="stable")]
    # At least four pools, so that a small set does not fall into the same groups in every epoch.
    pool = step * max(min(POOL_STEPS, len(samples) // (4 * step)), 1)
    in_pools = [
        chunk[np.argsort(-lengths[chunk], kind="stable")]
        for chunk in (samples[i : i + pool] for i in range(0, len(samples), pool))
    ]
    ordered = np.concatenate(in_pools)  # [samples]
    whole = len(ordered) // step
    steps: NDArray[np.int64] = ordered[: whole * step].reshape(whole, step)  # [steps, samples of a step]
    if whole:
        shuffled = rng.permutation(whole)
        longest = int(np.argmax(lengths[steps[:, 0]][shuffled]))  # a step begins with its longest sample
        shuffled[[0, longest]] = shuffled[[longest, 0]]
        steps = steps[shuffled]
    return np.concatenate([steps.reshape(-1), ordered[whole * step :]])


def _packed(
    samples: NDArray[np.int64], lengths: NDArray[np.int32], max_length: int, rng: np.random.Generator | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples block after block `[samples]`, and where each block starts, and the end `[blocks + 1]`."""
    import numpy as np

    chosen = lengths[samples]
    if int(chosen.max()) > max_length:
        raise KnownError(
            "sample_too_long",
            f"A sample has {int(chosen.max()):,} tokens, and a block for packing holds {max_length:,}.",
            "Set “max_length” as large as the samples were cut to.",
        )
    block_of = best_fit_decreasing(chosen, max_length)
    count = int(block_of.max()) + 1
    if rng is not None:
        block_of = rng.permutation(count)[block_of]  # numbers the blocks anew, at random
    order = np.argsort(block_of, kind="stable")  # [samples], block after block
    sizes = np.bincount(block_of, minlength=count)  # samples of each block [blocks]
    return samples[order], np.concatenate([[0], np.cumsum(sizes)])


def best_fit_decreasing(lengths: NDArray[np.integer], capacity: int) -> NDArray[np.int64]:
    """The number of the block that each sample goes to `[samples]`, counted from 0 without gaps.

    Cutting a stream of concatenated samples into blocks wastes nothing, but tears samples apart; taking them as they
    come keeps them whole and leaves a third of each block empty. Sorted by length, each put into the fullest block that
    still has room for it, they fill blocks to 99 % and more and stay whole (Ding et al. 2024, arXiv 2404.10830).

    Samples of one length keep their order, so a shuffled input gives other neighbours and the same number of blocks.
    O(n log n) for the sort; finding the fullest block with room is one operation on a bit set of `capacity` bits.

    Args:
        lengths: of the samples, each at least 1 and at most `capacity`.

    Raises ValueError for a length outside that range.
    """
    import numpy as np

    if len(lengths) and not (lengths.min() >= 1 and lengths.max() <= capacity):
        raise ValueError(f"lengths must be from 1 to {capacity}, not {lengths.min()} to {lengths.max()}")
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    # Blocks by the room left in them, and the set of those rooms as bits: bit r is set when with_room[r] is not empty.
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    rooms = 0
    blocks = 0
    chosen = np.empty(len(lengths), np.int64)
    for sample, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        fitting = rooms >> length  # bit r: there is a block with room for length + r tokens
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1  # the lowest set bit is the tightest fit
            block = with_room[room].pop()
            if not with_room[room]:
                rooms &= ~(1 << room)
        else:
            room, block = capacity, blocks
            blocks += 1
        chosen[sample] = block
        left = room - length
        if left:
            with_room[left].append(block)
            rooms |= 1 << left
    return chosen
