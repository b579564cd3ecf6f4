"""What reward models and DPO have in common: batches in which every chosen answer is followed by a rejected one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from belle.training.samples.collate import Batch


@dataclass(frozen=True)
class PairBatch:
    """A batch of pairs with what the reference thinks of them.

    Args:
        reference: log-probability of each row's answer `[2 · pairs]`; None where it is computed at each step, or
            there is none.
    """

    batch: Batch
    reference: Tensor | None = None

    def to(self, device: torch.device | str) -> PairBatch:
        """The same on a device."""
        return replace(
            self,
            batch=self.batch.to(device),
            reference=None if self.reference is None else self.reference.to(device, non_blocking=True),
        )


def pairs_in(batch: Batch) -> int:
    """How many pairs there are."""
    return int(batch.input_ids.shape[0]) // 2


def chosen_and_rejected(values: Tensor) -> tuple[Tensor, Tensor]:
    """A figure of every row `[2 · pairs]`, as that of the chosen and of the rejected answers `[pairs]`."""
    return values[0::2], values[1::2]
