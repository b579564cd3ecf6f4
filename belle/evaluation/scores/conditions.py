"""What has to be the same for scores to be compared, and what is said where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belle.errors import KnownError
from belle.texts import short_repr

_OF_THE_JUDGE = {
    "judge": "a different judge",
    "prompts": "different prompts of the judge",
    "prompts_digest": "different prompts of the judge",
    "temperature": "a different temperature of the judge",
    "max_tokens": "a different limit of the judge's replies",
    "seed": "a different seed of the judge",
}
"""The facts of a file of scores or comparisons that its verdicts depend on."""

_NOT_HOW = ("set", "model")
"""Facts of a run that do not say how it was asked."""


def check_same_judge(name: str, facts: Mapping[str, Any], other: str, other_facts: Mapping[str, Any]) -> None:
    """Raise KnownError ("scores_differ") where two models were not judged in the same way."""
    for key, what in _OF_THE_JUDGE.items():
        if facts.get(key) != other_facts.get(key):
            message = f"{name} and {other} were scored with {what}."
            raise KnownError("scores_differ", message, "Judge all of them in the same way: belle eval judge.")


def check_same_set(name: str, facts: Mapping[str, Any], digest: str, set_name: str) -> None:
    """Raise KnownError ("scores_differ") where a model was asked another set."""
    if facts.get("set") != digest:
        message = f"{name} was asked another set than {set_name}."
        raise KnownError("scores_differ", message, "Give the set that was asked.")


def asked_differently(asked: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each option in which models were not asked alike, such as the temperature.

    Args:
        asked: how each model was asked, by its name.
    """
    names = dict.fromkeys(key for facts in asked.values() for key in facts if key not in _NOT_HOW)
    sentences = []
    for key in names:
        # A server has a template of its own, which it does not tell.
        values = {model: facts.get(key) for model, facts in asked.items() if key != "template" or key in facts}
        if len({repr(value) for value in values.values()}) > 1:
            options = ", ".join(f"{model} {_words(value)}" for model, value in values.items())
            sentences.append(f"The models were not asked alike: {key} is {options}.")
    return sentences


def _words(value: object) -> str:
    return "not given" if value is None else short_repr(value)
