"""The numbers that commands take, and the sentences for those that they do not."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from belle.cli.arguments import SHARE, Range, check_ranges, real, share, whole
from belle.errors import KnownError


@pytest.mark.parametrize(
    ("convert", "taken", "refused"),
    [
        (whole(1), {"1": 1, "12": 12}, {"0": "0 is less than 1", "-3": "-3 is less than 1"}),
        (real(0, 1), {"0": 0, "0.5": 0.5, "1": 1}, {"2": "2 is not between 0 and 1", "nan": "nan is not between"}),
        (share, {"0.1": 0.1, "1": 1}, {"0": "above 0", "1.1": "at most 1", "nan": "above 0"}),
    ],
)
def test_numbers_of_the_command_line(
    convert: Callable[[str], float], taken: dict[str, float], refused: dict[str, str]
) -> None:
    assert {text: convert(text) for text in taken} == taken
    for text, words in refused.items():
        with pytest.raises(argparse.ArgumentTypeError, match=words):
            convert(text)


@pytest.mark.parametrize(
    ("name", "allowed", "value", "words"),
    [
        ("batch_size", (1, 8), 0, "--batch-size is 0, and has to be at least 1."),
        ("batch_size", (1, 8), 9, "--batch-size is 9, and has to be at most 8."),
        ("temperature", (0, 1000), float("nan"), "--temperature is nan, and has to be at least 0."),
        ("top_p", SHARE, 0.0, "--top-p is 0, and has to lie above 0 and at most at 1."),
        ("top_p", SHARE, float("nan"), "--top-p is nan, and has to lie above 0 and at most at 1."),
    ],
)
def test_numbers_outside_of_their_range_are_named(name: str, allowed: Range, value: float, words: str) -> None:
    with pytest.raises(KnownError) as caught:
        check_ranges(argparse.Namespace(**{name: value}), {name: allowed})
    assert (caught.value.kind, caught.value.message) == ("usage", words)


def test_numbers_inside_of_their_range_pass() -> None:
    check_ranges(argparse.Namespace(a=1, b=8, c=1.0), {"a": (1, 8), "b": (1, 8), "c": SHARE})
