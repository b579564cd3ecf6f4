"""Prepared samples as the batches of a run: planned for each epoch, collated when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from belle.training.samples.batching import EpochPlan, Mode, plan_epoch
from belle.training.samples.collate import collate, layout_of
from belle.training.samples.micro_batch import MicroBatch

if TYPE_CHECKING:
    from belle.training.samples.store import SampleSet


class SampleBatches:
    """Implements `belle.training.samples.micro_batch.Batches`.

    Args:
        samples: the encoded data.
        batch_size: samples (packed: blocks) of a micro-batch.
        accumulation: micro-batches of a step.
        max_length: tokens of a block.
        seed: of the order.
        mode: how they are batched.
        attention: transformers' name of the attention implementation, which decides how packed rows are laid out.
        pad_id: the padding token.
        shuffle: False: always in the same order, and without the files' weights, for evaluation.
    """

    def __init__(
        self,
        samples: SampleSet,
        *,
        batch_size: int,
        accumulation: int,
        max_length: int,
        seed: int,
        mode: Mode,
        attention: str,
        pad_id: int,
        rank: int,
        world_size: int,
        shuffle: bool = True,
    ) -> None:
        self._samples = samples
        self._batch_size, self._accumulation = batch_size, accumulation
        self._max_length, self._seed = max_length, seed
        self._mode: Mode = mode
        self._layout = layout_of(mode, attention)
        self._pad_id = pad_id
        self._rank, self._world_size = rank, world_size
        self._shuffle = shuffle
        self._plan = lru_cache(maxsize=2)(self._make_plan)

    def steps(self, epoch: int) -> int:
        return -(-len(self._plan(epoch)) // self._accumulation)

    def step(self, epoch: int, index: int) -> Sequence[MicroBatch]:
        plan, size = self._plan(epoch), self._accumulation
        return [self._micro_batch(plan[k]) for k in range(index * size, min((index + 1) * size, len(plan)))]

    def _make_plan(self, epoch: int) -> EpochPlan:
        return plan_epoch(
            self._samples.lengths,
            mode=self._mode,
            batch_size=self._batch_size,
            max_length=self._max_length,
            seed=self._seed,
            epoch=epoch,
            rank=self._rank,
            world_size=self._world_size,
            accumulation=self._accumulation,
            weights=self._samples.weights if self._shuffle else None,
            shuffle=self._shuffle,
        )

    def _micro_batch(self, rows: list[list[int]]) -> MicroBatch:
        # A process without samples computes one all the same: the others wait for it to exchange gradients.
        batch = collate(self._samples, rows or [[0]], pad_id=self._pad_id, layout=self._layout)
        if not rows:
            return MicroBatch(batch, idle=True)
        return MicroBatch(batch, [self._samples.name(sample) for sample in batch.samples], tokens=batch.tokens)
