"""The piece of a text that shows a search hit: one line that begins a little before the first word found."""

from __future__ import annotations

import re
from collections.abc import Sequence

from desktop.store.words import Word

_BEFORE = 14  # characters; few, so that the hit is still visible in a narrow list
_LENGTH = 120
_WHITE_SPACE = re.compile(r"\s+")
_CUT = "…"


def snippet(text: str, words: Sequence[Word]) -> tuple[str, list[tuple[int, int]]]:
    """One line of `text` around its first hit, and where the words are in it: (start, end), merged and in order.

    White space becomes single spaces; `…` stands where something is left out.
    """
    first = min((hit.span() for hit in (word.pattern.search(text) for word in words) if hit), default=(0, 0))
    start = max(first[0] - _BEFORE, 0)
    end = max(start + _LENGTH, first[1])
    line = _WHITE_SPACE.sub(" ", text[start:end]).strip()
    lead = _CUT if text[:start].strip() else ""
    tail = _CUT if text[end:].strip() else ""
    ranges = [(low + len(lead), high + len(lead)) for low, high in _ranges(line, words)]
    return f"{lead}{line}{tail}", ranges


def _ranges(line: str, words: Sequence[Word]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(hit.span() for word in words for hit in word.pattern.finditer(line)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
