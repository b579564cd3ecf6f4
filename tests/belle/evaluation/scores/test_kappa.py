"""Cohen's κ: published examples, the delta method done by numbers, and coverage where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from belle.evaluation.scores.kappa import cohens_kappa, score_class

# Fleiss, Cohen and Everitt 1969, table 1: 200 patients, three diagnoses.
FLEISS = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]])
CLOSE = np.full((5, 5), 0.01) + np.eye(5) * 0.15
MODERATE = np.array([[0.25, 0.08, 0.03], [0.05, 0.20, 0.07], [0.02, 0.06, 0.24]])


def decisions(counts: NDArray[np.int_]) -> tuple[list[int], list[int]]:
    pairs = [(i, j) for (i, j), n in np.ndenumerate(counts) for _ in range(n)]
    return [i for i, _ in pairs], [j for _, j in pairs]


def kappa_of(shares: NDArray[np.float64], *, weighted: bool) -> float:
    k = len(shares)
    weights = 1 - (np.subtract.outer(range(k), range(k)) / (k - 1)) ** 2 if weighted else np.eye(k)
    expected = shares.sum(1) @ weights @ shares.sum(0) / shares.sum() ** 2
    return float(((weights * shares).sum() / shares.sum() - expected) / (1 - expected))


def test_kappa_is_that_of_the_published_example() -> None:
    found = cohens_kappa(*decisions(FLEISS), 3)
    assert found.value == pytest.approx(0.429, abs=0.0005)
    assert found.n == 200
    # Two classes: pₒ = 0.7, pₑ = 0.5 (Cohen's κ = 0.4).
    assert cohens_kappa([0] * 25 + [1] * 25, [0] * 20 + [1] * 15 + [0] * 10 + [1] * 5, 2).value < 0.4
    first, second = decisions(np.array([[20, 5], [10, 15]]))
    assert cohens_kappa(first, second, 2).value == pytest.approx(0.4)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_width_is_that_of_the_delta_method(weighted: bool) -> None:
    found = cohens_kappa(*decisions(FLEISS), 3, weighted=weighted)
    shares = FLEISS / FLEISS.sum()
    assert found.value == pytest.approx(kappa_of(shares, weighted=weighted))
    step, gradient = 1e-6, np.zeros(9)
    for cell in range(9):
        moved = shares.ravel().copy()
        moved[cell] += step
        gradient[cell] = (kappa_of(moved.reshape(3, 3), weighted=weighted) - found.value) / step
    flat = shares.ravel()
    error = math.sqrt((flat @ gradient**2 - (flat @ gradient) ** 2) / FLEISS.sum())
    half = (math.atanh(found.high) - math.atanh(found.low)) / 2 * (1 - found.value**2)
    assert half == pytest.approx(1.972 * error, rel=1e-3)


def test_perfect_agreement_is_one_and_no_agreement_is_less_than_chance() -> None:
    both = [0, 1, 2, 1] * 5
    perfect = cohens_kappa(both, both, 3)
    assert perfect.value == perfect.high == 1.0
    assert 0.5 < perfect.low < 1.0
    opposite = cohens_kappa([0, 1] * 10, [1, 0] * 10, 2)
    assert opposite.value == pytest.approx(-1)
    assert -1 <= opposite.low <= opposite.high < 0


@pytest.mark.parametrize("classes", [[], [1, 1, 1]])
def test_one_class_alone_has_no_kappa(classes: list[int]) -> None:
    assert math.isnan(cohens_kappa(classes, classes, 3).value)


@pytest.mark.parametrize(
    ("score", "expected"), [(0, 0), (0.124, 0), (0.125, 1), (0.5, 2), (0.63, 3), (0.87, 3), (1, 4)]
)
def test_a_score_is_in_the_nearest_class(score: float, expected: int) -> None:
    assert score_class(score) == expected


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40), st.booleans())
def test_any_decisions_have_a_kappa_within_its_interval(pairs: list[tuple[int, int]], weighted: bool) -> None:
    found = cohens_kappa([i for i, _ in pairs], [j for _, j in pairs], 5, weighted=weighted)
    assert math.isnan(found.value) or -1 <= found.low <= found.value + 1e-12
    assert math.isnan(found.value) or found.value - 1e-12 <= found.high <= 1


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("shares", "n"), [(CLOSE, 100), (CLOSE, 300), (MODERATE, 60), (MODERATE, 300)])
def test_the_interval_covers_the_truth(shares: NDArray[np.float64], n: int, weighted: bool) -> None:
    chance = np.random.default_rng(5)
    k = len(shares)
    true = kappa_of(shares, weighted=weighted)
    rounds, covered = 1500, 0
    for _ in range(rounds):
        cells = chance.choice(k * k, n, p=shares.ravel() / shares.sum())
        found = cohens_kappa(list(cells // k), list(cells % k), k, weighted=weighted)
        covered += found.low <= true <= found.high
    assert 0.93 <= covered / rounds <= 0.97
