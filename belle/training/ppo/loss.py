"""The loss of PPO: the clipped policy loss and the clipped value loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from belle.training.recipe.options import PpoOptions
    from belle.training.samples.collate import Batch


@dataclass(frozen=True)
class PpoBatch:
    """Dialogues, and figures of their answers' tokens from when they were written, row after row `[tokens]`.

    Args:
        log_probs, values: of the model that wrote the answers.
        advantages, returns: see `belle.training.ppo.advantages`.
    """

    batch: Batch
    log_probs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor

    def to(self, device: torch.device | str) -> PpoBatch:
        """The same on a device."""
        names = ("log_probs", "values", "advantages", "returns")
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return replace(self, batch=self.batch.to(device), **moved)


class ClippedObjective:
    """Implements `belle.training.loop.objective.Objective`: the loss of `ppo_losses`, per token of the answers."""

    def __init__(self, options: PpoOptions) -> None:
        self._options = options

    def weight(self, batch: PpoBatch) -> float:
        return len(batch.log_probs)

    def loss(self, model: Any, batch: PpoBatch) -> tuple[Tensor, Mapping[str, Tensor]]:
        figures = model.figures(batch.batch, temperature=self._options.temperature)
        return ppo_losses(figures.log_probs, figures.values, batch, self._options)


def ppo_losses(
    log_probs: Tensor, values: Tensor, batch: PpoBatch, options: PpoOptions
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """The summed loss of the tokens of `batch`, and sums of what is logged.

        ratio = π / π_old,    −min(ratio · A, clip(ratio, 1 − ε, 1 + ε) · A)         (Schulman et al. 2017, eq. 7)
        + value_weight · ½ max((V − R)², (clip(V, V_old − ε_v, V_old + ε_v) − R)²)

    The clipping of the values is that of OpenAI's baselines (ppo2). `update_kl` is (ratio − 1) − log ratio, an
    estimate of KL(π_old ‖ π) that is unbiased and never negative (Schulman 2020, “Approximating KL divergence”, k3).

    Args:
        log_probs, values: of the model now, with gradient `[tokens]`.
    """
    log_ratio = log_probs - batch.log_probs  # [tokens]
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - options.clip, 1 + options.clip)
    # −min(a, b) = max(−a, −b)
    policy = torch.maximum(-batch.advantages * ratio, -batch.advantages * clipped)
    squares = (values - batch.returns).square()
    value_clipped = torch.zeros_like(squares, dtype=torch.bool)
    if options.value_clip:
        clipped_values = batch.values + (values - batch.values).clamp(-options.value_clip, options.value_clip)
        clipped_squares = (clipped_values - batch.returns).square()
        value_clipped = clipped_squares > squares
        squares = torch.maximum(squares, clipped_squares)
    policy_loss, value_loss = policy.sum(), 0.5 * squares.sum()
    with torch.no_grad():
        figures = {
            "policy_loss": policy_loss.detach(),
            "value_loss": value_loss.detach(),
            "clip_fraction": ((ratio - clipped) != 0).float().sum(),
            "value_clip_fraction": value_clipped.float().sum(),
            "update_kl": (ratio - 1 - log_ratio).sum(),
            "ratio": ratio.sum(),
        }
    return policy_loss + options.value_weight * value_loss, figures
