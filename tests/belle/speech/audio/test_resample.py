"""Resampling keeps what the new rate can hold, removes what it cannot, and does not depend on the blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.speech.audio.resample import Resampler

RATES = [8000, 11_025, 11_127, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000]


def resampled(samples: np.ndarray, rate: int, sizes: list[int] | None = None) -> np.ndarray:
    resampler = Resampler(rate, 16_000)
    places = np.cumsum(sizes or [])
    return np.concatenate([*(resampler.push(part) for part in np.split(samples, places)), resampler.finish()])


def tone(frequency: float, rate: int, n: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(n) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency", [50.0, 1000.0, 3000.0])
def test_a_tone_stays_what_it_is(rate: int, frequency: float) -> None:
    result = resampled(tone(frequency, rate, rate // 2), rate)
    assert len(result) == 8000
    assert np.abs(result - tone(frequency, 16_000, 8000))[200:-200].max() < 3e-4


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > 20_000])
def test_what_the_new_rate_cannot_hold_is_removed(rate: int) -> None:
    for frequency in (8800.0, rate / 2 - 500):
        assert np.abs(resampled(tone(frequency, rate, rate // 2), rate))[200:-200].max() < 1e-3


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_stays_that(rate: int) -> None:
    result = resampled(np.full(rate // 4, 0.5, np.float32), rate)
    assert np.abs(result[300:-300] - 0.5).max() < 1e-6


@given(st.sampled_from(RATES), st.lists(st.integers(0, 500), max_size=8), st.integers(0, 1500))
def test_blocks_of_any_size_give_the_same(rate: int, sizes: list[int], n: int) -> None:
    samples = np.random.default_rng(n).normal(size=n).astype(np.float32)
    whole = resampled(samples, rate)
    assert len(whole) == -(-n * 16_000 // rate)
    assert np.array_equal(resampled(samples, rate, sizes), whole)
