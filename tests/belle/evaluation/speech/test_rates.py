"""Error rates: what is counted, the fewest edits, and intervals that cover the truth."""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.evaluation.speech.alignment import Edits, edits
from belle.evaluation.speech.normalise import Unit, units, usual_unit
from belle.evaluation.speech.rates import error_rate, rate_difference

needs_opencc = pytest.mark.skipif(find_spec("opencc") is None, reason="needs opencc (the extra “voice”)")


@needs_opencc
@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("漢語，臺灣！", "character", list("汉语台湾")),
        ("今天 天气、很好。", "character", list("今天天气很好")),
        ("ＡＢＣ１２％", "character", list("abc12%")),
        ("「你好」——他说：“好”…", "character", list("你好他说好")),
        ("Don't stop, twenty-one!", "word", ["dont", "stop", "twenty", "one"]),
        ("  An\tAPPLE \n a day. ", "word", ["an", "apple", "a", "day"]),
        ("。，！", "character", []),
        ("", "word", []),
    ],
)
def test_what_is_counted(text: str, unit: Unit, expected: list[str]) -> None:
    assert units(text, unit) == expected


def test_characters_are_counted_where_there_is_chinese() -> None:
    assert [usual_unit(text) for text in ("你好 world", "hello", "123", "𠀀")] == [
        "character", "word", "word", "character",
    ]  # fmt: skip


def best_alignment(reference: str, hypothesis: str) -> tuple[int, int, int, int]:
    """Errors, −substitutions, deletions, insertions of the best alignment, by trying all."""

    @cache
    def best(i: int, j: int) -> tuple[int, int, int, int]:
        ways = [] if i or j else [(0, 0, 0, 0)]
        if i and j:
            e, s, d, n = best(i - 1, j - 1)
            differs = reference[i - 1] != hypothesis[j - 1]
            ways.append((e + differs, s - differs, d, n))
        if i:
            e, s, d, n = best(i - 1, j)
            ways.append((e + 1, s, d + 1, n))
        if j:
            e, s, d, n = best(i, j - 1)
            ways.append((e + 1, s, d, n + 1))
        return min(ways)

    return best(len(reference), len(hypothesis))


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_the_edits_are_the_fewest(reference: str, hypothesis: str) -> None:
    found = edits(list(reference), list(hypothesis))
    errors, substitutions, deletions, insertions = best_alignment(reference, hypothesis)
    assert found == Edits(-substitutions, deletions, insertions, len(reference))
    assert found.errors == errors


def test_edits_of_a_long_recording_are_counted_quickly() -> None:
    chance = np.random.default_rng(1)
    reference = [str(number) for number in chance.integers(0, 50, 4000)]
    hypothesis = [unit for unit in reference if chance.random() > 0.1]
    assert edits(reference, hypothesis) == Edits(0, len(reference) - len(hypothesis), 0, 4000)


def test_the_interval_covers_the_rate_of_all_clips_nearly_always() -> None:
    chance = np.random.default_rng(3)
    covered = 0
    for _ in range(50):
        rates = chance.beta(1, 9, 60)  # clips differ; their mean is 0.1
        clips = [Edits(int(chance.binomial(40, rate)), 0, 0, 40) for rate in rates]
        rate = error_rate(clips)
        covered += rate.low <= 0.1 <= rate.high
    assert 43 <= covered <= 50


def test_a_difference_of_the_same_clips_is_surer_than_their_rates() -> None:
    chance = np.random.default_rng(1)
    first = [Edits(int(chance.integers(0, 20)), 0, 0, 40) for _ in range(50)]
    second = [Edits(clip.substitutions + 1, 0, 0, 40) for clip in first]
    difference = rate_difference(first, second)
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.025,) * 3)
    assert error_rate(first).high - error_rate(first).low > 0.05


def test_where_nothing_is_said_there_is_no_rate() -> None:
    assert math.isnan(error_rate([Edits(0, 0, 3, 0)]).value)
    assert error_rate([Edits(0, 0, 3, 1)]).value == 3
