"""Which of BELLE's kinds of task a question is, told by the words in it.

The rules (`categories.toml`) are few and can be read: for each category, expressions that speak for it with a weight.
The sum decides, and what nothing speaks for is an open question. On BELLE's evaluation set, whose categories people
chose, the rules agree with them on about two questions of three; the categories overlap (a list of ideas is also
something generated), so take shares from them, not the label of one row.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

# A task stands before or after its material.
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
    """The names of the thirteen, from the particular to the general."""
    return tuple(_rules())


def scores(question: str) -> dict[str, float]:
    """What speaks for each category, of those for which anything does."""
    text = question.strip()
    looked_at = text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"
    result = {
        name: sum(weight for weight, pattern in rules if pattern.search(looked_at)) for name, rules in _rules().items()
    }
    if len(text) < _MATERIAL:
        # Nothing is there that an answer could be found in, or that could be shortened.
        result["closed qa"] *= 0.5
        result["summarization"] *= 0.7
    else:
        result["brainstorming"] *= 0.5
    return {name: value for name, value in result.items() if value}


def category_of(question: str) -> str:
    """The category of a question."""
    if not any(c.isalnum() for c in question):
        return "other"
    found = scores(question)
    names = categories()
    # At a tie the more particular one.
    return max(found, key=lambda name: (found[name], -names.index(name))) if found else "open qa"
