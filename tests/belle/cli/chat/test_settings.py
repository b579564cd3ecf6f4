"""What `/set` accepts."""

from __future__ import annotations

import pytest

from belle.cli.chat.model import sampling_for_other_model
from belle.cli.chat.settings import CHOICES, NAMES, AnswerSettings, current, with_setting
from belle.engine.process.commands import Sampling
from belle.errors import KnownError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "0.5"),
        ("top_k", "0"),
        ("top_p", "1"),
        ("min_p", "0.02"),
        ("repeat_penalty", "1.3"),
        ("seed", "7"),
        ("max_tokens", "12"),
        *((name, choice) for name, choices in CHOICES.items() for choice in choices),
    ],
)
def test_a_setting_is_shown_as_it_was_typed(name: str, value: str) -> None:
    assert current(with_setting(AnswerSettings(), name, value))[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", "warm"),
        ("temperature", "nan"),
        ("temperature", "-1"),
        ("top_k", "1.5"),
        ("top_p", "2"),
        ("seed", "-1"),
        ("seed", "²"),
        ("max_tokens", "0"),
        ("max_tokens", "9" * 5000),
        ("context", "always"),
        ("thinking", "perhaps"),
        ("colour", "red"),
    ],
)
def test_a_wrong_value_is_refused_in_words(name: str, value: str) -> None:
    with pytest.raises(KnownError) as caught:
        with_setting(AnswerSettings(), name, value)
    assert caught.value.kind == "usage"
    assert caught.value.advice


def test_every_setting_is_shown() -> None:
    assert tuple(current(AnswerSettings())) == NAMES


def test_another_model_brings_its_own_sampling_but_for_what_was_chosen() -> None:
    before, after = Sampling(temperature=0.7, top_k=40), Sampling(temperature=0.3, top_k=20)
    chosen = Sampling(temperature=1.1, top_k=40)
    assert sampling_for_other_model(chosen, before, after) == Sampling(temperature=1.1, top_k=20)
