"""Rules that score answers."""

from __future__ import annotations

import pytest

from belle.errors import KnownError
from belle.training.ppo.reward_sources import reward_function


@pytest.mark.parametrize(
    ("name", "text", "score"),
    [
        ("length:4", "你好世界", 1),
        ("length:4", "你好", 0.5),
        ("length:4", "", 0),
        ("length:4", "a" * 12, -1),
        ("contains:好", "你好", 1),
        ("contains:好", "您", 0),
        ("contains:a:b", "xa:by", 1),
        (r"matches:^\d+$", "42", 1),
        (r"matches:^\d+$", "4 2", 0),
    ],
)
def test_scores(name: str, text: str, score: float) -> None:
    assert reward_function(name)(text) == pytest.approx(score)


@pytest.mark.parametrize(
    "name", ["", "length", "length:", "length:0", "length:-3", "length:²", "likes:me", "matches:("]
)
def test_what_is_no_rule(name: str) -> None:
    with pytest.raises(KnownError) as caught:
        reward_function(name)
    assert caught.value.kind == "reward_unknown"
    assert name in str(caught.value)
