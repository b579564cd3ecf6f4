"""From the rewards of answers to the advantage of each token: generalized advantage estimation.

Arrays are `[answers, length]`, an answer's tokens from the left; values behind its end are ignored.
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

    V is 0 behind the last token of an answer.

    Args:
        rewards: for each token `[answers, length]`.
        values: estimated before that token is chosen `[answers, length]`.
        mask: which positions are tokens of the answer `[answers, length]`, bool.
        gamma: γ, discount per token.
        lam: λ, between the one-step error (0) and the sum of rewards minus the value (1).

    Returns advantages and returns `[answers, length]`, 0 behind the end.
    """
    import torch

    inside = mask.to(values.dtype)
    rewards, values = rewards * inside, values * inside
    advantages = torch.zeros_like(values)
    following_value = following_advantage = torch.zeros_like(values[:, 0])  # [answers]
    # From the last token: A_t = δ_t + γλ A_{t+1}.
    for t in reversed(range(values.shape[1])):
        error = rewards[:, t] + gamma * following_value - values[:, t]
        following_advantage = (error + gamma * lam * following_advantage) * inside[:, t]
        following_value = values[:, t]
        advantages[:, t] = following_advantage
    return advantages, advantages + values


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale values so that those under `mask` have mean 0 and variance 1; 0 elsewhere.

    Applied to the advantages of a whole batch, of all processes, it makes the size of the gradient independent of the
    scale of the reward.
    """
    import torch

    inside = values[mask].double()
    variance = inside.var(correction=0) if len(inside) else torch.zeros(())
    scaled = (values.double() - inside.mean()) * torch.rsqrt(variance + 1e-8)
    return torch.where(mask, scaled, 0.0).to(values.dtype)


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """The share of the returns' variance that the values predicted: 1 all, 0 none, below 0 worse than a constant.

    Args:
        values, returns: of the tokens of a batch `[tokens]`.
    """
    variance = float(returns.double().var(correction=0))
    unexplained = float((returns.double() - values.double()).var(correction=0))
    return 1 - unexplained / variance if variance > 0 else 0.0
