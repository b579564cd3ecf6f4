"""What a stage optimizes: every stage gives the training loop an `Objective` and its batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn


class Objective(Protocol):
    """A loss: a sum, and a weight to divide it by that is known before the forward pass.

    The loop divides by the weight of the whole step: of all micro-batches of all processes. So a step's loss and its
    gradient do not depend on how its samples are spread over them.
    """

    def weight(self, batch: Any) -> float:
        """How much of `batch` counts: trained tokens (sft, pretrain) or pairs (reward, dpo). 0 is allowed."""
        ...

    def loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The summed loss of `batch` (a 0-dim tensor with gradient), and sums of other metrics for the log.

        Runs inside the engine's wrapper and autocast, with `batch` on the model's device. Everything that needs
        gradients has to go through `model`; several forward passes are fine. The metrics are detached 0-dim tensors;
        the log shows each divided by the step's weight, and must get the same names from every process.
        """
        ...


@dataclass(frozen=True)
class StepResult:
    """The figures of one optimizer step.

    Args:
        loss: mean over the step's weight.
        weight: of all micro-batches and processes.
        tokens: in all micro-batches and processes, trained or not.
        metrics: means over the weight.
        grad_norm: before clipping; infinite when a step in fp16 was skipped.
    """

    loss: float
    weight: float
    tokens: float
    metrics: Mapping[str, float]
    grad_norm: float
