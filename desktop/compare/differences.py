"""Where two texts differ, by words; Chinese and Japanese by characters, Korean by words.

White space separates words and is not compared. The work is bounded: texts are split at runs of words that occur once
in both (patience diff, Bram Cohen), longer runs first, and only what lies between them is compared by `difflib`. A long
stretch that shares no such run counts as different as a whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+(?:['’][^\W{_IDEOGRAPHS}]+)*|[^\w\s]")
_MOST_PAIRS = 1 << 14
"""Pairs of words that are given to `difflib` at once: some milliseconds."""
_RUNS = (3, 2, 1)
"""Lengths of the runs at which texts are split, in words."""

Region = tuple[int, int, int, int]
"""From and to of the left words, from and to of the right words."""


@dataclass(frozen=True, slots=True)
class WordDifference:
    """A stretch that differs: `left[left_start:left_end]` stands where `right[right_start:right_end]` does.

    One of them may be empty: then the words are in the other text only.
    """

    left_start: int
    left_end: int
    right_start: int
    right_end: int


def differences(left: str, right: str) -> list[WordDifference]:
    """Where the words of two texts differ, in their order; empty when all words are the same."""
    a, b = list(_WORD.finditer(left)), list(_WORD.finditer(right))
    matches = sorted(_matches([word[0] for word in a], [word[0] for word in b]))
    found, i, j = [], 0, 0
    for left_at, right_at, count in [*matches, (len(a), len(b), 0)]:
        if (left_at, right_at) != (i, j):
            found.append(WordDifference(*_extent(a[i:left_at], a, i, left), *_extent(b[j:right_at], b, j, right)))
        i, j = left_at + count, right_at + count
    return found


def _extent(words: Sequence[re.Match[str]], all_words: Sequence[re.Match[str]], at: int, text: str) -> tuple[int, int]:
    """Where words begin and end in the text; for none, where they would begin."""
    if words:
        return words[0].start(), words[-1].end()
    here = all_words[at].start() if at < len(all_words) else len(text)
    return here, here


def _matches(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Runs of equal words: where they begin in `a` and in `b`, and how many words they have."""
    regions: list[Region] = [(0, len(a), 0, len(b))]
    while regions:
        i, i_end, j, j_end = regions.pop()
        start = i
        while i < i_end and j < j_end and a[i] == b[j]:
            i, j = i + 1, j + 1
        if i > start:
            yield start, j - (i - start), i - start
        end = i_end
        while i < i_end and j < j_end and a[i_end - 1] == b[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
        if i_end < end:
            yield i_end, j_end, end - i_end
        if i == i_end or j == j_end:
            continue
        if (i_end - i) * (j_end - j) <= _MOST_PAIRS:
            matcher = SequenceMatcher(None, a[i:i_end], b[j:j_end], autojunk=False)
            yield from ((i + x, j + y, count) for x, y, count in matcher.get_matching_blocks() if count)
        else:
            regions += _split(a, b, (i, i_end, j, j_end))


def _split(a: Sequence[str], b: Sequence[str], region: Region) -> list[Region]:
    """The region in parts, of which each but the first begins with a word that both texts share there."""
    i, i_end, j, j_end = region
    for length in _RUNS:
        once_in_a, once_in_b = _unique_runs(a, i, i_end, length), _unique_runs(b, j, j_end, length)
        pairs = [(at, once_in_b[run]) for run, at in once_in_a.items() if run in once_in_b]
        if pairs:
            anchors = _longest_ascending(pairs)
            starts = [(i, j), *anchors]
            ends = [*anchors, (i_end, j_end)]
            return [(s[0], e[0], s[1], e[1]) for s, e in zip(starts, ends, strict=True)]
    return []


def _unique_runs(words: Sequence[str], start: int, end: int, length: int) -> dict[tuple[str, ...], int]:
    """The runs of `length` words that occur once between `start` and `end`, with where they begin, in their order."""
    seen: dict[tuple[str, ...], int] = {}
    repeated = set()
    for at in range(start, end - length + 1):
        run = tuple(words[at : at + length])
        if run in seen:
            repeated.add(run)
        seen[run] = at
    return {run: at for run, at in seen.items() if run not in repeated}


def _longest_ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of pairs whose first numbers ascend, the most whose second numbers ascend, too (patience sorting)."""
    tops: list[int] = []  # the smallest second number that ends an ascending row of length place + 1
    ends: list[int] = []  # and the index of its pair
    before: list[int | None] = []
    for index, (_, second) in enumerate(pairs):
        place = bisect_left(tops, second)
        before.append(ends[place - 1] if place else None)
        tops[place : place + 1] = [second]
        ends[place : place + 1] = [index]
    chain: list[tuple[int, int]] = []
    at: int | None = ends[-1]
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]
