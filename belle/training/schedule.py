"""The learning rate of every step: a rise from 0, then a fall along a cosine or a line, or none."""

from __future__ import annotations

import math
from collections.abc import Callable

from belle.training.recipe.load import Schedule


def learning_rates(
    schedule: Schedule, *, peak: float, least: float, warmup: float, total_steps: int
) -> Callable[[int], float]:
    """The learning rate as a function of the step, counted from 0.

    It rises linearly to `peak`, which the first step after the warm-up has (with none, the first step), and falls so
    that the step after the last would have `least` (cosine: Loshchilov and Hutter 2016, without restarts).

    Args:
        peak: at its highest.
        least: at the end.
        warmup: steps, or below 1 the share of all steps.
        total_steps: of the whole run.
    """
    rising = math.ceil(warmup * total_steps) if warmup < 1 else int(warmup)

    def rate(step: int) -> float:
        if step < rising:
            return peak * (step + 1) / (rising + 1)
        if schedule == "constant":
            return peak
        done = min(1.0, (step - rising) / max(1, total_steps - rising))
        share = 0.5 * (1 + math.cos(math.pi * done)) if schedule == "cosine" else 1 - done
        return least + (peak - least) * share

    return rate
