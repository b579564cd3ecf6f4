"""Intervals and tests against closed forms, and against simulations whose truth is known."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.evaluation.intervals import (
    holm,
    macro_mean,
    mean_of,
    paired_difference,
    share_interval,
    sign_test,
    student_quantile,
)

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=200)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(9, 2.26216), (15, 2.13145), (29, 2.04523), (99, 1.98422), (999, 1.96234)]
)
def test_students_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(degrees) == pytest.approx(quantile, abs=1e-4)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Of none or all, n / (n + z²) is the inner end; 81 of 263 is the example in Newcombe 1998.
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (81, 263, 0.2553, 0.3662)],
)
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    assert share_interval(right / n, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_ends_of_wilsons_interval_solve_its_equation(counts: tuple[int, int]) -> None:
    right, n = counts
    for p in share_interval(right / n, n):
        assert 0 <= p <= 1
        if 0 < p < 1:
            assert (p - right / n) ** 2 == pytest.approx(1.959963984540054**2 * p * (1 - p) / n, rel=1e-6, abs=1e-12)


def test_nothing_is_known_of_no_items() -> None:
    assert share_interval(0, 0) == (0, 1)


def draw(kind: str, chance: np.random.Generator, n: int) -> np.ndarray:
    """Scores of a known mean, as judges and rules give them."""
    match kind:
        case "right or wrong":
            return chance.integers(0, 10, n) < 7  # 0.7
        case "tenths":
            return chance.binomial(10, 0.6, n) / 10
        case "mostly one":
            return np.where(chance.random(n) < 0.7, 1.0, chance.random(n))
        case _:
            return chance.choice([0.0, 0.5, 1.0], n, p=[0.3, 0.2, 0.5])


TRUTH = {"right or wrong": 0.7, "tenths": 0.6, "mostly one": 0.85, "three steps": 0.6}


@pytest.mark.parametrize("kind", TRUTH)
@pytest.mark.parametrize("n", [30, 100])
def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says(kind: str, n: int) -> None:
    chance = np.random.default_rng(7)
    intervals = [mean_of(draw(kind, chance, n).astype(float).tolist()) for _ in range(6000)]
    covered = np.mean([one.low <= TRUTH[kind] <= one.high for one in intervals])
    assert 0.93 <= covered <= 0.97


def test_the_interval_of_a_macro_mean_covers_the_truth_as_often_as_it_says() -> None:
    chance = np.random.default_rng(11)
    sizes = {"right or wrong": 75, "tenths": 37, "mostly one": 100, "three steps": 52}
    truth = sum(TRUTH.values()) / len(TRUTH)
    covered = np.mean([
        one.low <= truth <= one.high
        for one in (
            macro_mean([mean_of(draw(kind, chance, n).astype(float).tolist()) for kind, n in sizes.items()])
            for _ in range(2000)
        )
    ])  # fmt: skip
    assert 0.93 <= covered <= 0.97


def test_the_interval_of_a_difference_covers_the_truth_and_p_is_rarely_small_by_chance() -> None:
    chance = np.random.default_rng(13)
    covered, small = [], []
    for _ in range(600):
        first = draw("tenths", chance, 60)
        second = np.clip(first + chance.choice([-0.1, 0.0, 0.1], 60), 0, 1)
        change = paired_difference(dict(enumerate_items(first)), dict(enumerate_items(second)))
        covered.append(change.low <= 0 <= change.high)
        small.append(change.p <= 0.05)
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.mean(small) <= 0.07


def enumerate_items(scores: np.ndarray) -> list[tuple[str, float]]:
    return [(str(number), float(score)) for number, score in enumerate(scores)]


def test_p_is_exact_for_few_items() -> None:
    differences = [0.5, 0.25, -0.25, 1.0]
    first, second = {str(i): 0.0 for i in range(4)}, {str(i): d for i, d in enumerate(differences)}
    total = abs(sum(differences))
    larger = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= total - 1e-12
              for signs in product((1, -1), repeat=4)]  # fmt: skip
    assert paired_difference(first, second).p == pytest.approx(sum(larger) / 16)


def test_a_model_is_no_better_than_itself() -> None:
    scores = {str(number): number / 10 for number in range(10)}
    same = paired_difference(scores, scores)
    assert (same.value, same.p) == (0.0, 1.0)
    assert same.low == -same.high < 0


@pytest.mark.parametrize("change", [0.0, 1.0, -1.0, 0.25])
def test_differences_that_are_all_alike_leave_room_for_others(change: float) -> None:
    before = (1 - change) / 2
    widths = []
    for n in (1, 2, 10, 1000):
        names = [str(number) for number in range(n)]
        found = paired_difference(dict.fromkeys(names, before), dict.fromkeys(names, before + change))
        assert -1 <= found.low <= found.value <= found.high <= 1
        widths.append(found.high - found.low)
    assert widths[0] > 1
    assert widths == sorted(widths, reverse=True)
    assert 0.003 < widths[-1] < 0.01


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (8, 2, 2 * (1 + 10 + 45) / 1024),
        (3, 3, 1.0),
        (15, 5, 2 * (1 + 20 + 190 + 1140 + 4845 + 15504) / 2**20),
    ],
)
def test_the_sign_test_is_exact(lost: int, won: int, p: float) -> None:
    assert sign_test(lost, won) == pytest.approx(p, rel=1e-12)


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_the_binomial_test(lost: int, won: int) -> None:
    n, tail, term = lost + won, Fraction(0), Fraction(1)
    for k in range(min(lost, won) + 1):
        tail += term
        term = term * (n - k) / (k + 1)
    assert sign_test(lost, won) == pytest.approx(float(min(Fraction(1), 2 * tail / 2**n)), rel=1e-12)
    assert sign_test(lost, won) == sign_test(won, lost)


def test_thousands_of_flips_are_still_exact() -> None:
    assert sign_test(2000, 2000) == 1
    assert 0 < sign_test(2200, 2000) < 0.01


def test_a_clear_difference_is_told_from_chance() -> None:
    first = {str(number): 0.2 for number in range(40)}
    second = {str(number): 0.9 for number in range(40)}
    change = paired_difference(first, second)
    assert change.value == pytest.approx(0.7)
    assert change.p < 0.001


def test_holm_raises_by_rank_and_never_reorders() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(SCORES)
def test_an_interval_holds_its_mean_and_stays_within_scores(scores: list[float]) -> None:
    mean = mean_of(scores)
    assert 0 <= mean.low <= mean.high <= 1
    assert mean.low - 1e-9 <= mean.value <= mean.high + 1e-9
    assert len(scores) == 1 or mean.high > mean.low


@given(st.lists(SCORES, min_size=1, max_size=5))
def test_every_class_counts_alike(classes: list[list[float]]) -> None:
    means = [mean_of(scores) for scores in classes]
    assert macro_mean(means).value == pytest.approx(sum(mean.value for mean in means) / len(means))


def test_of_nothing_there_is_no_mean() -> None:
    assert math.isnan(mean_of([]).value)
    assert math.isnan(macro_mean([]).value)
    assert macro_mean([mean_of([]), mean_of([0.5])]).value == 0.5
