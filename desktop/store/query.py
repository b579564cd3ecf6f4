"""The words of a search query: what counts as containing one, and how SQLite is asked for texts that may.

A query is split at white space; all of it is plain text. A text contains a word when its characters follow each other
there, where a letter also stands for its lower and upper case if that is a single character (so `ß` does not find
`SS`). `Word.pattern` decides; the conditions for SQLite only leave out texts that it would refuse anyway.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_CONDITION = 1000  # characters; SQLite bounds the length of a LIKE pattern
_MOST_TRIGRAMS = 24  # of one word: more make the index no wiser
_WILDCARDS = re.compile(r"[%_\\]")
_LAST_CHARACTER = "\U0010ffff"

# Letters outside ASCII whose cases the trigram tokenizer folds just as `str.lower` does (a test compares them all).
_FOLDED_LETTERS = re.compile(
    "[\u00c0-\u0130\u0132-\u017e\u0386-\u03c1\u03c3-\u03ce\u0400-\u0527]"  # Latin, Greek, Cyrillic
)

_NO_CHARACTERS = "\ufffe\uffff"  # the tokenizer reads these as U+FFFD
_BEFORE = 14  # characters of a snippet; few, so that the hit is still visible in a narrow list
_SNIPPET = 120
_WHITE_SPACE = re.compile(r"\s+")
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a query."""

    text: str
    pattern: re.Pattern[str]

    def condition(self, column: str) -> tuple[str, str] | None:
        """An SQL expression over `column` with its one value, true for every text that contains the word.

        None when SQLite cannot tell: it knows upper and lower case in ASCII only.
        """
        cased = [character for character in self.text if len(_forms(character)) > 1]
        if len(self.text) > _LONGEST_CONDITION or not "".join(cased).isascii():
            return None
        if not cased:
            return f"instr({column}, ?) > 0", self.text
        escaped = _WILDCARDS.sub(r"\\\g<0>", self.text)
        return f"{column} LIKE ? ESCAPE '\\'", f"%{escaped}%"

    def trigrams(self) -> list[str]:
        """Runs of three characters by which the index can be asked; empty for a word too short, or not indexable."""
        runs = (self.text[at : at + 3] for at in range(len(self.text) - 2))
        usable = [run for run in runs if all(_is_folded_alike(character) for character in run)]
        return usable[:: len(usable) // _MOST_TRIGRAMS + 1]

    def term_range(self) -> tuple[str, str] | None:
        """The first and last trigram that begin with a word of one or two characters; None for any other word."""
        if len(self.text) > 2 or not all(_is_folded_alike(character) for character in self.text):
            return None
        start = "".join(_lower(character) for character in self.text)
        return start, start + _LAST_CHARACTER * 2


def words_of(query: str) -> list[Word]:
    """The words of a query, each once, in order."""
    return [Word(text, _pattern(text)) for text in dict.fromkeys(query.split())]


def _pattern(text: str) -> re.Pattern[str]:
    parts = []
    for character in text:
        forms = [re.escape(form) for form in sorted(_forms(character))]
        parts.append(forms[0] if len(forms) == 1 else f"[{''.join(forms)}]")
    return re.compile("".join(parts))


def _forms(character: str) -> set[str]:
    return {form for form in (character, character.lower(), character.upper()) if len(form) == 1}


def _lower(character: str) -> str:
    lower = character.lower()
    return lower if len(lower) == 1 else character


def _is_folded_alike(character: str) -> bool:
    """The index takes every form of the character for one and the same, which is its lower case."""
    if character.isascii() or _FOLDED_LETTERS.match(character):
        return True
    return len(_forms(character)) == 1 and character not in _NO_CHARACTERS


def snippet(text: str, words: Sequence[Word]) -> tuple[str, list[tuple[int, int]]]:
    """One line of `text` around its first hit, and where the words are in it: (start, end), merged and in order.

    White space becomes single spaces; `…` stands where something is left out.
    """
    first = min((hit.span() for hit in (word.pattern.search(text) for word in words) if hit), default=(0, 0))
    start = max(first[0] - _BEFORE, 0)
    end = max(start + _SNIPPET, first[1])
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
