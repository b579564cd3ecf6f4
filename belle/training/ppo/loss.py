"""The loss of PPO: how far the policy may move in one go, and how wrong the values were."""

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
    """Dialogues, and what was known of their answers' tokens when they were written, row after row `[tokens]`.

    Args:
        log_probs, values: of policy and values at that time.
        advantages, returns: what came of each token.
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

    The values' clipping is that of OpenAI's baselines. `update_kl` estimates KL(π_old ‖ π) without bias and always
    above 0, as (ratio − 1) − log ratio (Schulman 2020, “Approximating KL divergence”, k3).

    Args:
        log_probs, values: now, with gradient `[tokens]`.
    """
    log_ratio = log_probs - batch.log_probs
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - options.clip, 1 + options.clip)
    policy = torch.maximum(-batch.advantages * ratio, -batch.advantages * clipped)
    squares = (values - batch.returns).square()
    value_clipped = torch.zeros_like(squares, dtype=torch.bool)
    if options.value_clip:
        near = batch.values + (values - batch.values).clamp(-options.value_clip, options.value_clip)
        near_squares = (near - batch.returns).square()
        value_clipped = near_squares > squares
        squares = torch.maximum(squares, near_squares)
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
