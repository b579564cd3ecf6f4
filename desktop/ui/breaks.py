"""Places where a line may be broken, in text that has none for very long.

Qt looks for the end of a word anew for every line that the word fills: a word of 100,000 letters takes it minutes. So
what is laid out has a zero-width space (U+200B, at which a line may end) about every `EVERY` characters of a run that
is longer than `FIRST`. That is an affair of layout: `without_breaks` gives the text back as it was. To tell ours from
those of the text, which are words' ends in Thai or Khmer, the text's own are doubled. No Qt here.

The marks of a text begin with the marks of its beginning, so that text can be added at the end of what is laid out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

FIRST = 100
"""Characters without a place to break that are left alone: about a line."""
EVERY = 16
"""Distance of the breaks after that: small, so that lines are filled."""
LATITUDE = 32
"""A break waits so many characters for one that does not belong to the character before it."""

BREAK = "\u200b"

_SPACES = "\t\n\x0b\x0c\r \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
# Between two of these a line may always end. Small kana are left out: some do not begin a line.
_WIDE = (
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
    "\u3042\u3044\u3046\u3048\u304a-\u3062\u3064-\u3082\u3084\u3086\u3088-\u308d\u308f-\u3094"
    "\u30a2\u30a4\u30a6\u30a8\u30aa-\u30c2\u30c4-\u30e2\u30e4\u30e6\u30e8-\u30ed\u30ef-\u30f4"
)
_UNSPACED = f"[^{_SPACES}]{{{FIRST + 1},}}"
_IS_WIDE = f"[{_WIDE}]"
# What lies inside a run after which, and before which, no line may end. One more of the wide may stand at each end.
_INSIDE = f"(?:[^{_WIDE}]|(?<![{_WIDE}])[{_WIDE}](?![{_WIDE}])){{{FIRST - 1},}}"
# Compiled with the first long text: together they take a twentieth of the time until the window is there.
_compiled = cache(re.compile)
_OURS = f"{BREAK}({BREAK}?)"


def break_places(text: str) -> list[int]:
    """Indexes in `text` before which a break belongs, ascending; nearly always none."""
    if len(text) <= FIRST:
        return []
    places: list[int] = []
    for unspaced in _compiled(_UNSPACED).finditer(text):
        for begin, end in _unbroken(text, *unspaced.span()):
            places += _places_in(text, begin, end)
    return places


def _unbroken(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The long stretches of a text without spaces in which no two wide characters meet."""
    if text.isascii():
        yield begin, end
        return
    for inside in _compiled(_INSIDE).finditer(text, begin, end):
        first, last = inside.span()
        first -= first > begin and _compiled(_IS_WIDE).match(text, first - 1) is not None
        last += last < end and _compiled(_IS_WIDE).match(text, last) is not None
        yield first, last


def with_breaks(text: str) -> str:
    """`text` as it is laid out."""
    places = break_places(text)
    if not places:
        return text.replace(BREAK, BREAK * 2)
    cuts = [0, *places, len(text)]
    return BREAK.join(text[a:b].replace(BREAK, BREAK * 2) for a, b in pairwise(cuts))


def without_breaks(shown: str) -> str:
    """The text that `shown`, or a part of what is laid out, stands for."""
    return re.sub(_OURS, r"\1", shown) if BREAK in shown else shown


def has_unbroken_run(text: str) -> bool:
    """Whether laying out `text` as it is would take long."""
    return bool(break_places(text))


def cut_places(text: str, length: int) -> list[int]:
    """Indexes at which `text` is cut into pieces of about `length` characters, ascending; no accent begins a piece.

    Like the breaks, the cuts of a text begin with the cuts of its beginning.
    """
    return _places_in(text, 0, len(text), length, length) if len(text) > length else []


def _places_in(text: str, begin: int, end: int, first: int = FIRST, every: int = EVERY) -> list[int]:
    places: list[int] = []
    wanted = begin + first
    while (at := _next_place(text, wanted, end)) is not None:
        places.append(at)
        wanted = at + every
    return places


def _next_place(text: str, wanted: int, end: int) -> int | None:
    """The first good place from `wanted` on; where there is none for long, any. Only what stands before it counts."""
    for at in range(wanted, end):
        # One of ours at most before spaces of the text: an odd number of them holds one of ours.
        if text[at - 1] != BREAK and (at >= wanted + LATITUDE or _is_apart(text[at - 1], text[at])):
            return at
    return None


def _is_apart(before: str, sign: str) -> bool:
    """Whether `sign` begins a character of its own: no accent, no part of an emoji or of a Hangul syllable."""
    if before.isascii() and sign.isascii():
        return True
    import unicodedata  # read with the first long text that is not ASCII

    if before == "\u200d" or unicodedata.category(sign) in ("Mn", "Mc", "Me", "Cf", "Sk"):
        return False
    both_flags = "\U0001f1e6" <= sign <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff"
    return not (both_flags or "\u1160" <= sign <= "\u11ff" or "\ud7b0" <= sign <= "\ud7ff")
