"""Sizes, durations and counts in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle import units

SIZES = (12, 1_500, 2_000_000, 98_400_000, 350_000_000, 3_860_000_000, 1_240_000_000_000)
TABLE: dict[Callable[..., str], list[str]] = {
    units.size: ["12 bytes", "1.50 kB", "2.00 MB", "98.40 MB", "350.00 MB", "3.86 GB", "1240.00 GB"],
    units.short_size: ["0 kB", "2 kB", "2 MB", "98 MB", "350 MB", "3.9 GB", "1240.0 GB"],
    units.file_size: ["0.0 MB", "0.0 MB", "2.0 MB", "98.4 MB", "350.0 MB", "3.86 GB", "1240.00 GB"],
    units.disk_space: ["0.00 MB", "0.00 MB", "2.00 MB", "0.10 GB", "0.35 GB", "3.86 GB", "1240.00 GB"],
    units.gigabytes: ["0.0 GB", "0.0 GB", "0.0 GB", "0.1 GB", "0.3 GB", "3.9 GB", "1240.0 GB"],
    units.precise_gigabytes: ["1.2e-08 GB", "1.5e-06 GB", "0.002 GB", "0.0984 GB", "0.35 GB", "3.86 GB", "1240 GB"],
    units.megabytes: ["0 MB", "0 MB", "2 MB", "98 MB", "350 MB", "3860 MB", "1240000 MB"],
    units.gibibytes: ["0.0 GiB", "0.0 GiB", "0.0 GiB", "0.1 GiB", "0.3 GiB", "3.6 GiB", "1154.8 GiB"],
    units.gib: ["0.000", "0.000", "0.002", "0.1", "0.3", "3.6", "1,155"],
}


@pytest.mark.parametrize("words", TABLE, ids=lambda words: words.__name__)
def test_sizes_are_words(words: Callable[..., str]) -> None:
    assert [words(n_bytes) for n_bytes in SIZES] == TABLE[words]


def test_digits_and_groups_can_be_chosen() -> None:
    assert units.gigabytes(16_500_000_000, 0) == "16 GB"
    assert units.megabytes(3_860_400_000, 1, grouped=True) == "3,860.4 MB"


@pytest.mark.parametrize(
    ("seconds", "clock", "short", "rough"),
    [
        (0.5, "0:00", "0 s", "0.5 seconds"),
        (75, "1:15", "75 s", "75 seconds"),
        (89, "1:29", "89 s", "89 seconds"),
        (90, "1:30", "2 min", "1.5 minutes"),
        (600, "10:00", "10 min", "10 minutes"),
        (3599, "59:59", "1 h 00 min", "60 minutes"),
        (7500, "2:05:00", "2 h 05 min", "2.1 hours"),
        (100_000, "27:46:40", "1 d 4 h", "28 hours"),
        (86400 * 250, "6000:00:00", "250 d 0 h", "250 days"),
    ],
)
def test_durations_are_words(seconds: float, clock: str, short: str, rough: str) -> None:
    assert units.duration(seconds) == clock
    assert units.short_duration(seconds) == short
    assert units.rough_duration(seconds) == rough


def test_counts_are_words() -> None:
    assert [units.weights(n) for n in (8192, 134_515_008)] == ["8,192", "134.5 M"]
    assert [units.parameters(n) for n in (134_515_008, 7_069_016_064)] == ["135 M", "7.1 B"]


@given(a=st.integers(0, 10**13), b=st.integers(0, 10**13))
def test_the_larger_of_two_sizes_is_never_said_to_be_smaller(a: int, b: int) -> None:
    scale = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}
    for words in (units.size, units.short_size, units.file_size, units.disk_space):
        small, large = (words(n).split(" ") for n in sorted((a, b)))
        assert float(small[0]) * scale[small[1]] <= float(large[0]) * scale[large[1]]
