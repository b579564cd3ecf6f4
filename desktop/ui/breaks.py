"""Break opportunities for very long runs of text that have none: where to insert zero-width spaces before layout.

For every line that a word fills, Qt searches for the end of that word again: laying out a word of 100,000 letters takes
minutes. So the text that is laid out gets a zero-width space (U+200B, a line may end there) about every `EVERY`
characters of a run that is longer than `FIRST`. They exist in the layout only; `without_breaks` restores the text. A
text may contain zero-width spaces of its own (they mark the ends of words in Thai or Khmer): the layout has each of
those doubled, which is how the two kinds are told apart. No Qt in this module.

The break opportunities of a prefix are a prefix of those of the whole text, so a layout can grow at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

FIRST = 100
"""A run of up to so many characters needs no break: about a line."""
EVERY = 16
"""Distance of the breaks after that: small, so that lines are filled."""
LATITUDE = 32
"""A break waits so many characters for one that does not belong to the character before it."""

BREAK = "\u200b"

_SPACES = "\t\n\x0b\x0c\r \u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000"
# A line may always end between two of these: Chinese characters, Hangul syllables, kana. Small kana are left out: some
# of them may not begin a line (UAX #14, class CJ).
_WIDE = (
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
    "\u3042\u3044\u3046\u3048\u304a-\u3062\u3064-\u3082\u3084\u3086\u3088-\u308d\u308f-\u3094"
    "\u30a2\u30a4\u30a6\u30a8\u30aa-\u30c2\u30c4-\u30e2\u30e4\u30e6\u30e8-\u30ed\u30ef-\u30f4"
)
_UNSPACED = f"[^{_SPACES}]{{{FIRST + 1},}}"
_IS_WIDE = f"[{_WIDE}]"
# A run in which no line may end: no two wide characters meet. One more wide character may stand at each of its ends.
_INSIDE = f"(?:[^{_WIDE}]|(?<![{_WIDE}])[{_WIDE}](?![{_WIDE}])){{{FIRST - 1},}}"
_INSERTED = f"{BREAK}({BREAK}?)"


def break_positions(text: str) -> list[int]:
    """Indexes in `text` before which a break belongs, ascending; nearly always none."""
    if len(text) <= FIRST:
        return []
    positions: list[int] = []
    for unspaced in _pattern(_UNSPACED).finditer(text):
        for begin, end in _unbroken(text, *unspaced.span()):
            positions += _positions_in(text, begin, end)
    return positions


def _unbroken(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The long stretches of a text without spaces in which no two wide characters meet."""
    if text.isascii():
        yield begin, end
        return
    for inside in _pattern(_INSIDE).finditer(text, begin, end):
        first, last = inside.span()
        first -= first > begin and _pattern(_IS_WIDE).match(text, first - 1) is not None
        last += last < end and _pattern(_IS_WIDE).match(text, last) is not None
        yield first, last


@cache
def _pattern(source: str) -> re.Pattern[str]:
    """A pattern, compiled at its first use: compiling all at import takes a twentieth of the time to the first window.

    `re` has a cache of its own, but the hundreds of patterns of a Pygments lexer push these out of it.
    """
    return re.compile(source)


def without_breaks(laid_out: str) -> str:
    """The text of `laid_out`, which is a layout's text or a part of it."""
    # Of a doubled zero-width space one remains (the text's own), of a single one nothing (it was inserted).
    return re.sub(_INSERTED, r"\1", laid_out) if BREAK in laid_out else laid_out


def has_unbroken_run(text: str) -> bool:
    """Whether `text` has a run that would take Qt long to lay out as it is."""
    return bool(break_positions(text))


def cut_positions(text: str, length: int) -> list[int]:
    """Indexes at which `text` is cut into pieces of about `length` characters, ascending; no accent begins a piece.

    The cuts of a prefix are a prefix of the cuts of the whole text, as with `break_positions`.
    """
    return _positions_in(text, 0, len(text), length, length) if len(text) > length else []


def _positions_in(text: str, begin: int, end: int, first: int = FIRST, every: int = EVERY) -> list[int]:
    positions: list[int] = []
    wanted = begin + first
    while (at := _next_position(text, wanted, end)) is not None:
        positions.append(at)
        wanted = at + every
    return positions


def _next_position(text: str, wanted: int, end: int) -> int | None:
    """The first grapheme boundary from `wanted` on, or any index after `LATITUDE` characters without one.

    Only text before the result is looked at beyond that: text that is added later changes no earlier result.
    """
    for at in range(wanted, end):
        # Never behind a zero-width space of the text. In a layout those are doubled, so a sequence of them has an even
        # length; one inserted before it makes the length odd, and `without_breaks` removes exactly that one.
        if text[at - 1] != BREAK and (at >= wanted + LATITUDE or _is_boundary(text[at - 1], text[at])):
            return at
    return None


def _is_boundary(before: str, char: str) -> bool:
    """Whether a grapheme may begin with `char`: it is no accent, no part of an emoji, a flag or a Hangul syllable."""
    if before.isascii() and char.isascii():
        return True
    import unicodedata  # imported with the first long text that is not ASCII

    # U+200D joins two emoji to one.
    if before == "\u200d" or unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf", "Sk"):
        return False
    # A flag is two regional indicators; a Hangul syllable may be a consonant followed by vowels and finals.
    is_flag = "\U0001f1e6" <= char <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff"
    return not (is_flag or "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7ff")
