"""The splitting expressions of `tokenizer.json` as Python ones.

They are written for Oniguruma: `\\p{L}` and the like, and classes inside classes. Python's `re` has neither, so the
properties become ranges of characters and inner classes are opened up.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

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
    runs: list[tuple[int, int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(category):
            if runs and runs[-1][1] == code - 1:
                runs[-1] = (runs[-1][0], code)
            else:
                runs.append((code, code))
    if not runs:
        raise ValueError(f"{category!r} is not a Unicode category")
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in runs)
