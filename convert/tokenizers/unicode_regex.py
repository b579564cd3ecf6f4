"""The splitting expressions of `tokenizer.json` as Python regular expressions.

They are written for Oniguruma, with `\\p{L}` and the like and classes inside classes. Python's `re` has neither, so
properties become ranges of characters, and the contents of inner classes are added to the outer one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

# The planes that have characters. All others are unassigned or for private use, which no tokenizer asks for.
_PLANES = (range(0x40000), range(0xE0000, 0xE1000))
_WITHOUT_LIMIT = {"C", "Cn", "Co"}
_PROPERTY = re.compile(r"\\p\{(\w{1,2})\}")


def compile_regex(pattern: str) -> re.Pattern[str]:
    """The compiled expression. Raises ValueError (`re.error` among them) for what cannot be translated."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        if pattern[position] == "[":
            inside, position = _class(pattern, position)
            parts.append(f"[{inside}]")
        elif match := _PROPERTY.match(pattern, position):
            parts.append(f"[{_ranges(match[1])}]")
            position = match.end()
        else:
            length = 2 if pattern[position] == "\\" else 1
            parts.append(pattern[position : position + length])
            position += length
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise ValueError(f"{pattern!r} is not understood: {error}") from error


def _class(pattern: str, start: int) -> tuple[str, int]:
    """The contents of the class that begins at `start`, inner classes included, and the position after it."""
    parts: list[str] = []
    position = start + 1
    if pattern.startswith("^", position):
        parts.append("^")
        position += 1
    while position < len(pattern) and pattern[position] != "]":
        if pattern[position] == "[":
            if pattern.startswith("[^", position):
                raise ValueError(f"{pattern!r} excludes characters inside a class")
            inside, position = _class(pattern, position)
            parts.append(inside)
        elif match := _PROPERTY.match(pattern, position):
            parts.append(_ranges(match[1]))
            position = match.end()
        else:
            length = 2 if pattern[position] == "\\" else 1
            parts.append(pattern[position : position + length])
            position += length
    if position >= len(pattern):
        raise ValueError(f"{pattern!r} has a class without an end")
    return "".join(parts), position + 1


@cache
def _ranges(category: str) -> str:
    """The characters of a Unicode category (`L`, `Lu`) as ranges inside a class."""
    letters = np.frombuffer(category.encode(), np.uint8)
    inside = (_categories()[:, : letters.size] == letters).all(axis=1)
    # Positions where a run of such characters begins or ends, alternately; outside of the planes there are none.
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    if not edges.size or category in _WITHOUT_LIMIT:
        raise ValueError(f"{category!r} is not a Unicode category of assigned characters")
    codes = np.concatenate([np.arange(plane.start, plane.stop) for plane in _PLANES])
    return "".join(f"\\U{codes[low]:08x}-\\U{codes[high - 1]:08x}" for low, high in edges.reshape(-1, 2))


@cache
def _categories() -> NDArray[np.uint8]:
    """The two letters of the category of every character in `_PLANES`, `[n, 2]`.

    The last character of the first range is unassigned (`Cn`), so no run of characters spans both ranges.
    """
    characters = map(chr, chain.from_iterable(_PLANES))
    return np.frombuffer("".join(map(unicodedata.category, characters)).encode(), np.uint8).reshape(-1, 2)
