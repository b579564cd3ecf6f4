"""What the training loop is given: micro-batches, and the order they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class MicroBatch:
    """What one process computes at once.

    Args:
        batch: what the objective reads; tensors on the CPU, with a method `to(device)` that returns a copy elsewhere.
        rows: names of the samples in it (`data.jsonl row 17`), for when something goes wrong with them.
        idle: this process has no samples left for this step and takes part only because all processes exchange
            gradients: its loss is computed and multiplied by zero.
        tokens: in it, trained or not; for the log.
    """

    batch: Any
    rows: Sequence[str] = ()
    idle: bool = False
    tokens: int = 0


class Batches(Protocol):
    """This process's part of the data, addressable by position, so that resuming needs no more than two numbers."""

    def steps(self, epoch: int) -> int:
        """Optimizer steps in that epoch (from 0); the same in every process."""
        ...

    def step(self, epoch: int, index: int) -> Sequence[MicroBatch]:
        """The micro-batches of one step, the same number in every process. Deterministic in its arguments."""
        ...
