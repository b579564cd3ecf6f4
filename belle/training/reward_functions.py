"""Rewards that need no model: rules about the text of an answer, for trials and for tasks where a rule is enough."""

from __future__ import annotations

import re
from collections.abc import Callable

from belle.errors import KnownError

RewardFunction = Callable[[str], float]


def reward_function(name: str) -> RewardFunction:
    """The rule of that name, from an answer's text to its score.

    - `length:N`: 1 for an answer of N characters, less by 1 / N for each character more or fewer.
    - `contains:TEXT`: 1 for an answer with TEXT in it, else 0.
    - `matches:REGEX`: 1 for an answer in which the regular expression finds something, else 0.

    Raises KnownError("reward_unknown").
    """
    kind, separator, argument = name.partition(":")
    make = _FUNCTIONS.get(kind)
    if make is None or not separator or not argument:
        raise _unknown(name, f"Known are: {', '.join(f'{kind}:…' for kind in _FUNCTIONS)}.")
    return make(argument)


def _length(argument: str) -> RewardFunction:
    if not argument.isascii() or not argument.isdigit() or int(argument) == 0:
        raise _unknown(f"length:{argument}", "Write a number of characters, as in length:40.")
    wanted = int(argument)
    return lambda text: 1 - abs(len(text) - wanted) / wanted


def _contains(argument: str) -> RewardFunction:
    return lambda text: float(argument in text)


def _matches(argument: str) -> RewardFunction:
    try:
        pattern = re.compile(argument)
    except re.error as error:
        raise _unknown(f"matches:{argument}", f"It is no regular expression: {error}.") from None
    return lambda text: float(pattern.search(text) is not None)


_FUNCTIONS = {"length": _length, "contains": _contains, "matches": _matches}


def _unknown(name: str, advice: str) -> KnownError:
    return KnownError("reward_unknown", f"There is no reward_function {name}.", advice, name=name)
