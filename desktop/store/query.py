"""Parses a search query into words, defines when a text contains one, and cuts the snippet around a hit.

A query is split at white space; it has no operators. A text contains a word if the word is a substring of it, ignoring
case where the other case is a single character (so `ß` does not match `SS`). `Word.pattern` decides. The SQL conditions
and the index may let more texts through, never fewer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_PATTERN_LENGTH = 1000  # characters; SQLite limits LIKE patterns to 50,000 bytes
_MAX_TRIGRAMS = 24  # of one word; more do not narrow the result
_WILDCARDS = re.compile(r"[%_\\]")
_LAST_CHARACTER = "\U0010ffff"

# Letters outside ASCII that the trigram tokenizer folds exactly as `str.lower` does. It has the case tables of an old
# Unicode, so the others cannot be looked up in the index (a test compares every character).
_FOLDED_LETTERS = re.compile(
    "[\u00c0-\u0130\u0132-\u017e\u0386-\u03c1\u03c3-\u03ce\u0400-\u0527]"  # Latin, Greek, Cyrillic
)

_NONCHARACTERS = "\ufffe\uffff"  # the tokenizer decodes these to U+FFFD
_SNIPPET_LEAD = 14  # characters before the hit; few, so that the hit is visible in a narrow list
_SNIPPET_LENGTH = 120  # characters
_WHITE_SPACE = re.compile(r"\s+")
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a query."""

    text: str
    pattern: re.Pattern[str]

    def condition(self, column: str) -> tuple[str, str] | None:
        """An SQL expression over `column` and its parameter, true for every text that contains the word.

        None when there is none: SQLite's LIKE ignores case in ASCII only.
        """
        cased = [character for character in self.text if len(_case_forms(character)) > 1]
        if len(self.text) > _MAX_PATTERN_LENGTH or not "".join(cased).isascii():
            return None
        if not cased:
            return f"instr({column}, ?) > 0", self.text
        escaped = _WILDCARDS.sub(r"\\\g<0>", self.text)
        return f"{column} LIKE ? ESCAPE '\\'", f"%{escaped}%"

    def trigrams(self) -> list[str]:
        """The trigrams of the word that can be looked up in the index; empty when it is too short or has none."""
        runs = (self.text[at : at + 3] for at in range(len(self.text) - 2))
        usable = [run for run in runs if all(_index_folds_case(character) for character in run)]
        return usable[:: len(usable) // _MAX_TRIGRAMS + 1]  # spread over the whole word

    def term_range(self) -> tuple[str, str] | None:
        """The range of trigrams that begin with this word of one or two characters; None for any other word."""
        if len(self.text) > 2 or not all(_index_folds_case(character) for character in self.text):
            return None
        start = "".join(_lower(character) for character in self.text)
        return start, start + _LAST_CHARACTER * 2


def parse_query(query: str) -> list[Word]:
    """The distinct words of a query, in order."""
    return [Word(text, _pattern(text)) for text in dict.fromkeys(query.split())]


def _pattern(text: str) -> re.Pattern[str]:
    parts = []
    for character in text:
        forms = [re.escape(form) for form in sorted(_case_forms(character))]
        parts.append(forms[0] if len(forms) == 1 else f"[{''.join(forms)}]")
    return re.compile("".join(parts))


def _case_forms(character: str) -> set[str]:
    return {form for form in (character, character.lower(), character.upper()) if len(form) == 1}


def _lower(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character


def _index_folds_case(character: str) -> bool:
    """Whether the index folds every case of the character to `str.lower` of it."""
    if character.isascii() or _FOLDED_LETTERS.match(character):
        return True
    return len(_case_forms(character)) == 1 and character not in _NONCHARACTERS


def snippet(text: str, words: Sequence[Word]) -> tuple[str, list[tuple[int, int]]]:
    """One line of `text` around its first hit, and the (start, end) of every hit in it, merged and in order.

    Runs of white space become one space; `…` marks text that was cut off.
    """
    first = min((hit.span() for hit in (word.pattern.search(text) for word in words) if hit), default=(0, 0))
    start = max(first[0] - _SNIPPET_LEAD, 0)
    end = max(start + _SNIPPET_LENGTH, first[1])
    line = _WHITE_SPACE.sub(" ", text[start:end]).strip()
    lead = _ELLIPSIS if text[:start].strip() else ""
    tail = _ELLIPSIS if text[end:].strip() else ""
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
