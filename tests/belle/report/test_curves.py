"""Curves of a run: smoothed and thinned without losing what matters, drawn whatever their range."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.report.curves import Curve, smoothed, svg, thinned


def test_colours_are_the_pages_own() -> None:
    element = svg(Curve("loss", [(step, 1 / step) for step in range(1, 100)], [(50, 0.1)]), wide=True)
    ET.fromstring(element)
    assert "var(--violet)" in element
    assert "var(--good)" in element
    assert "#" not in element.replace("url(#", "").replace('href="#', "")
    assert "font-family" not in element


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_smoothed_stays_between_the_extremes(values: list[float]) -> None:
    points = list(enumerate(values))
    means = smoothed(points)
    assert [step for step, _ in means] == [step for step, _ in points]
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert all(min(values) - slack <= mean <= max(values) + slack for _, mean in means)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(2, 50))
def test_thinned_keeps_the_extremes_and_the_order(values: list[float], most: int) -> None:
    points = list(enumerate(values))
    kept = thinned(points, most)
    assert len(kept) <= max(most, 2) or len(points) <= most
    assert set(kept) <= set(points)
    assert [step for step, _ in kept] == sorted({step for step, _ in kept})
    assert min(value for _, value in kept) == min(values)
    assert max(value for _, value in kept) == max(values)


def test_a_long_run_makes_a_small_page() -> None:
    points = [(step, 1 / step) for step in range(1, 200_001)]
    assert len(svg(Curve("loss", points), wide=True)) < 150_000


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [1e-9, 2e-9], [1e12, 3e12], [-1.0, 1.0]])
def test_any_range_can_be_drawn(values: list[float]) -> None:
    ET.fromstring(svg(Curve("kl", list(enumerate(values))), wide=False))


def test_words() -> None:
    curve = Curve("loss", [(1, 5.0), (2, 1.0), (3, 2.0)], [(3, 2.5)])
    assert curve.words == "5 at step 1, lowest 1 at step 2, 2 at step 3; evaluation 2.5 at step 3"
