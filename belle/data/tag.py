"""The BELLE category of a question, classified by the words in it.

The rules (`categories.toml`) are few and readable: for each category, regular expressions with a weight. The largest
sum of matching weights decides; a question that matches none is an open one. On BELLE's evaluation set, whose
categories people chose, the rules agree with them on about two questions of three; the categories overlap (a list of
ideas is also something generated), so take shares from them, not the label of one row.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

# Characters at the beginning and the end that are matched: a task stands before or after its material.
_HEAD, _TAIL = 160, 80
_MATERIAL = 120


@cache
def _rules() -> dict[str, list[tuple[float, re.Pattern[str]]]]:
    file = Path(__file__).with_name("categories.toml")
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    flags = re.IGNORECASE | re.ASCII
    return {
        name: [(rule["weight"], re.compile(rule["pattern"], flags)) for rule in table["rules"]]
        for name, table in tables.items()
    }


def categories() -> tuple[str, ...]:
    """The names of the thirteen categories, from the specific to the general."""
    return tuple(_rules())


def scores(question: str) -> dict[str, float]:
    """The sum of the matching weights of each category; categories without any are left out."""
    text = question.strip()
    matched = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    result = {
        name: sum(weight for weight, pattern in rules if pattern.search(matched)) for name, rules in _rules().items()
    }
    if len(text) < _MATERIAL:
        # Too short to hold a text that answers the question or that could be summarized.
        result["closed qa"] *= 0.5
        result["summarization"] *= 0.7
    else:
        result["brainstorming"] *= 0.5
    return {name: value for name, value in result.items() if value}


def category_of(question: str) -> str:
    """The category of a question."""
    if not any(c.isalnum() for c in question):
        return "other"
    sums = scores(question)
    names = categories()
    # At a tie the more specific one.
    return max(sums, key=lambda name: (sums[name], -names.index(name))) if sums else "open qa"
