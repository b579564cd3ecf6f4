"""The learning rate over a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.training.loop.loop import learning_rates
from belle.training.recipe.schema import Schedule


def rates(schedule: Schedule, *, warmup: float, total: int, least: float = 0.0) -> list[float]:
    rate = learning_rates(schedule, peak=1.0, least=least, warmup=warmup, total_steps=total)
    return [rate(step) for step in range(total)]


def test_cosine_by_hand() -> None:
    assert rates("cosine", warmup=0, total=4) == pytest.approx([1.0, 0.8535534, 0.5, 0.1464466])
    assert rates("cosine", warmup=0, total=2, least=0.5) == pytest.approx([1.0, 0.75])


def test_warm_up_by_share_and_by_steps() -> None:
    assert rates("constant", warmup=3, total=6) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert rates("constant", warmup=0.5, total=6) == rates("constant", warmup=3, total=6)
    assert rates("linear", warmup=2, total=6) == pytest.approx([1 / 3, 2 / 3, 1.0, 0.75, 0.5, 0.25])


@given(st.sampled_from(["cosine", "linear", "constant"]), st.floats(0, 50), st.integers(1, 200), st.floats(0, 1))
def test_it_rises_then_falls_and_stays_within_bounds(
    schedule: Schedule, warmup: float, total: int, least: float
) -> None:
    values = rates(schedule, warmup=warmup, total=total, least=least)
    assert all(0 < value <= 1 or value >= least for value in values)
    assert max(values) <= 1 + 1e-12
    top = values.index(max(values))
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)
