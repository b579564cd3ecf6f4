"""The splitting expressions of `tokenizer.json` as Python ones.

They are written for Oniguruma: `\\p{L}` and the like, and classes inside classes. Python's `re` has neither, so the
properties become ranges of characters and inner classes are opened up.
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
        elif found := _PROPERTY.match(pattern, position):
            parts.append(f"[{_ranges(found[1])}]")
            position = found.end()
        else:
            length = 2 if pattern[position] == "\\" else 1
            parts.append(pattern[position : position + length])
            position += length
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise ValueError(f"{pattern!r} is not understood: {error}") from error


def _class(pattern: str, start: int) -> tuple[str, int]:
    """What is inside the class that begins at `start`, and the position after it. Inner classes add to it."""
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
        elif found := _PROPERTY.match(pattern, position):
            parts.append(_ranges(found[1]))
            position = found.end()
        else:
            length = 2 if pattern[position] == "\\" else 1
            parts.append(pattern[position : position + length])
            position += length
    if position >= len(pattern):
        raise ValueError(f"{pattern!r} has a class without an end")
    return "".join(parts), position + 1


@cache
def _ranges(category: str) -> str:
    """The characters of a Unicode category (`L`, `Lu`), as they are written in a class."""
    letters = np.frombuffer(category.encode(), np.uint8)
    inside = (_categories()[:, : letters.size] == letters).all(axis=1)
    # Nothing before the first character and nothing after the last belongs to it.
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False))
    if not edges.size or category in _WITHOUT_LIMIT:
        raise ValueError(f"{category!r} is not a Unicode category of assigned characters")
    codes = np.concatenate([np.arange(plane.start, plane.stop) for plane in _PLANES])
    return "".join(f"\\U{codes[low]:08x}-\\U{codes[high - 1]:08x}" for low, high in edges.reshape(-1, 2))


@cache
def _categories() -> NDArray[np.uint8]:
    """The two letters of the category of every character that may be assigned `[n, 2]`.

    Between two planes is a character of category `Cn`.
    """
    characters = map(chr, chain.from_iterable(_PLANES))
    return np.frombuffer("".join(map(unicodedata.category, characters)).encode(), np.uint8).reshape(-1, 2)
