"""Patterns that come with a checkpoint or an adapter: Python's matching can take for ever on a few letters."""

from __future__ import annotations

import re

_REPEATS = re.compile(r"(?<!\\)[*+{]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
# On names of a hundred letters this many repeats are tried within a second.
_MOST_REPEATS = 5


def refused_pattern(pattern: str) -> str | None:
    """Why a pattern cannot be used: it is none, or may take for ever to match. None for one that can."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a pattern ({error})"
    if _REPEATED_GROUP.search(pattern) or len(_REPEATS.findall(pattern)) > _MOST_REPEATS:
        return "may take for ever to match"
    return None
