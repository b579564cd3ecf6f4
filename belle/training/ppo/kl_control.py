"""How strongly PPO is held at the model it started from: the coefficient of the KL penalty, fixed or steered."""

from __future__ import annotations


def next_kl_coefficient(
    coefficient: float, distance: float, *, target: float | None, answers: int, horizon: float
) -> float:
    """The coefficient for the next batch: a proportional controller in log space (Ziegler et al. 2019, § 2.2).

        e = clip(KL / target − 1, −0.2, 0.2),    β ← β (1 + e · answers / horizon)

    Args:
        coefficient: β so far.
        distance: KL of this batch: the mean over answers of Σ log π − log π_reference, in nats.
        target: the distance that is wanted; None: the coefficient stays.
        answers: in this batch.
        horizon: over how many answers the coefficient may change by a fifth.
    """
    if target is None:
        return coefficient
    error = min(max(distance / target - 1, -0.2), 0.2)
    return coefficient * (1 + error * min(answers / horizon, 1.0))
