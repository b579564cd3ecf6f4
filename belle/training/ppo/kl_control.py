"""The coefficient of PPO's KL penalty, which holds the policy near the reference: fixed, or controlled."""

from __future__ import annotations


def next_kl_coefficient(coefficient: float, kl: float, *, target: float | None, answers: int, horizon: float) -> float:
    """The coefficient for the next batch: a proportional controller in log space (Ziegler et al. 2019, § 2.2).

        e = clip(KL / target − 1, −0.2, 0.2),    β ← β (1 + e · answers / horizon)

    Args:
        coefficient: β so far.
        kl: of this batch, in nats: the mean over answers of Σ log π − log π_reference.
        target: the KL that is wanted; None: the coefficient stays as it is.
        answers: number of answers in this batch.
        horizon: number of answers in which the coefficient may change by a fifth.
    """
    if target is None:
        return coefficient
    error = min(max(kl / target - 1, -0.2), 0.2)
    return coefficient * (1 + error * min(answers / horizon, 1.0))
