"""The loss of fine-tuning and of pre-training: how unlikely the model finds the tokens that are trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from belle.training.model_loss import loss_sum

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.training.collate import Batch


class NextToken:
    """Implements `belle.training.method.Method`: −Σ log p over trained tokens, weighted by their number."""

    def weight(self, batch: Batch) -> float:
        return batch.trained_tokens

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        return loss_sum(model, batch), {}
