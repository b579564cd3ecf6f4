"""A title for a conversation from its first question, without asking the model."""

from __future__ import annotations

import re
import unicodedata

MAX_COLUMNS = 36
"""Width of a title in half-width columns: a Chinese character takes two."""

_LONGEST = 400
"""Characters of a line that are looked at."""

# Control characters but line breaks and tabs; marks that turn the direction of what follows, the program's name too.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd]")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_FENCE_LINE = re.compile(r"^```.*$", re.MULTILINE)
_LINE_MARK = re.compile(r"\s*(?:>+|#{1,6}(?=\s)|[*+-](?=\s)|\[[ xX]\](?=\s)|\d{1,3}(?:[.)](?=\s)|、)|[-*_=]{3,}$)\s*")
# Within a word stars and underscores are meant.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])[*_`~]+|[*_`~]+(?![A-Za-z0-9])")
_SENTENCE_END = re.compile(r"[。！？；]|[!?;](?![\x21-\x7e])|\.(?=\s+[^\sa-z]|\s*$)")
# A letter between dots (e.g., U.S.), and what is usually followed by a name or a number.
_ABBREVIATION = re.compile(r"(?:^|[\s(.])(?:[^\W\d_]|[Mm]rs?|Ms|[DS]r|St|Prof|vs|cf|[Ff]igs?|[Nn]o|pp|[Vv]ol|[Ee]q)$")
_CLAUSE_END = re.compile(r"[，,、：:—]")


def title_of(question: str) -> str:
    """The first sentence of the question, free of Markdown, cut at a word or clause to `MAX_COLUMNS`.

    Returns an empty string when there is nothing to say, such as for a question of punctuation only.
    """
    question = _UNSEEN.sub("", question)
    prose = _FENCE.sub(" ", question)
    text = prose if prose.strip() else _FENCE_LINE.sub("", question)
    lines = [line for line in map(_without_marks, text.splitlines()) if line]
    if not lines:
        return ""
    line = " ".join(lines[0].split())
    end = _end_of_sentence(line)
    sentence = line[:end].strip() if end else line
    if not any(c.isalnum() for c in sentence):
        return ""
    return _shorten(sentence)


def _without_marks(line: str) -> str:
    """A line without what Markdown puts before it and around its words; its beginning is enough."""
    line = line[:_LONGEST]
    while mark := _LINE_MARK.match(line):
        line = line[mark.end() :]
    return _EMPHASIS.sub("", line).strip()


def _end_of_sentence(line: str) -> int | None:
    ends = (found.start() for found in _SENTENCE_END.finditer(line))
    return next((end for end in ends if not (line[end] == "." and _ABBREVIATION.search(line[:end]))), None)


def _shorten(sentence: str) -> str:
    if _columns(sentence) <= MAX_COLUMNS:
        return sentence
    kept = ""
    for character in sentence:
        if _columns(kept + character) > MAX_COLUMNS - 1:
            break
        kept += character
    ends = [m.start() for m in _CLAUSE_END.finditer(kept)]
    if ends and _columns(kept[: ends[-1]]) >= MAX_COLUMNS // 2:
        return kept[: ends[-1]].strip()
    space = kept.rfind(" ")
    if space > 0 and _columns(kept[:space]) >= MAX_COLUMNS // 2:
        kept = kept[:space]
    return kept.strip() + "…"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
