"""From the rewards of answers to what each token is worth: generalized advantage estimation.

Arrays are `[answers, length]`, an answer's tokens from the left; what stands behind its end counts for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation (Schulman et al. 2015, “High-dimensional continuous control using GAE”).

        δ_t = r_t + γ V_{t+1} − V_t,    A_t = Σ_k (γλ)^k δ_{t+k},    return_t = A_t + V_t

    An answer ends with its last token: V is 0 behind it.

    Args:
        rewards: for the token at each place `[answers, length]`.
        values: estimated before that token is chosen `[answers, length]`.
        mask: which places are tokens of the answer `[answers, length]`, bool.
        gamma: γ, discount per token.
        lam: λ, between the one-step error (0) and the sum of rewards minus the value (1).

    Returns advantages and returns `[answers, length]`, 0 behind the end.
    """
    import torch

    inside = mask.to(values.dtype)
    rewards, values = rewards * inside, values * inside
    advantages = torch.zeros_like(values)
    following_value = following_advantage = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        error = rewards[:, t] + gamma * following_value - values[:, t]
        following_advantage = (error + gamma * lam * following_advantage) * inside[:, t]
        following_value = values[:, t]
        advantages[:, t] = following_advantage
    return advantages, advantages + values


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Shifted and scaled so that the places of `mask` have mean 0 and variance 1; 0 elsewhere.

    With the advantages of a whole batch, of all processes, the size of the gradient no longer depends on the scale of
    the reward.
    """
    import torch

    chosen = values[mask].double()
    variance = chosen.var(correction=0) if len(chosen) else torch.zeros(())
    scaled = (values.double() - chosen.mean()) * torch.rsqrt(variance + 1e-8)
    return torch.where(mask, scaled, 0.0).to(values.dtype)


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """How much of the returns' variance the values foresaw: 1 all, 0 none, below 0 worse than a constant.

    Args:
        values, returns: of the tokens of a batch `[tokens]`.
    """
    variance = float(returns.double().var(correction=0))
    rest = float((returns.double() - values.double()).var(correction=0))
    return 1 - rest / variance if variance > 0 else 0.0
