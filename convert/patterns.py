"""Checks regular expressions from a checkpoint or an adapter: matching some takes exponential time in Python."""

from __future__ import annotations

import re

_REPEATS = re.compile(r"(?<!\\)[*+{]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")  # such as (a+)+, whose backtracking is exponential
# Each repeat multiplies the work by the length of the name: so many take less than a second for a hundred letters.
_MOST_REPEATS = 5


def refused_pattern(pattern: str) -> str | None:
    """Why a pattern cannot be used: it is not valid, or may take forever to match. None if it can be used."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a valid pattern ({error})"
    if _REPEATED_GROUP.search(pattern) or len(_REPEATS.findall(pattern)) > _MOST_REPEATS:
        return "may take forever to match"
    return None
