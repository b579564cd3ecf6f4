"""Makes the title of a conversation from its first question, without the model."""

from __future__ import annotations

import re
import unicodedata

MAX_COLUMNS = 36
"""Width of a title in half-width columns: a Chinese character takes two."""

_MAX_LINE = 400
"""Characters of a line that are read."""

# Control characters but line breaks and tabs, and bidirectional marks: they would also reverse the rest of the window's
# title, with the program's name.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd]")
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_FENCE_LINE = re.compile(r"^```.*$", re.MULTILINE)
_LINE_MARK = re.compile(r"\s*(?:>+|#{1,6}(?=\s)|[*+-](?=\s)|\[[ xX]\](?=\s)|\d{1,3}(?:[.)](?=\s)|、)|[-*_=]{3,}$)\s*")
# Stars and underscores inside a word (snake_case, 2*3) are no emphasis.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])[*_`~]+|[*_`~]+(?![A-Za-z0-9])")
_SENTENCE_END = re.compile(r"[。！？；]|[!?;](?![\x21-\x7e])|\.(?=\s+[^\sa-z]|\s*$)")
# The dot after a single letter (e.g., U.S.) or after one of these words does not end a sentence.
_ABBREVIATION = re.compile(r"(?:^|[\s(.])(?:[^\W\d_]|[Mm]rs?|Ms|[DS]r|St|Prof|vs|cf|[Ff]igs?|[Nn]o|pp|[Vv]ol|[Ee]q)$")
_CLAUSE_END = re.compile(r"[，,、：:—]")


def title_of(question: str) -> str:
    """The first sentence of the question, free of Markdown, cut at a word or clause to `MAX_COLUMNS`.

    Returns an empty string when there is nothing to say, such as for a question of punctuation only.
    """
    question = _INVISIBLE.sub("", question)
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
    """The beginning of a line without its Markdown markers: of quotes, headings, lists, and emphasis."""
    line = line[:_MAX_LINE]
    while mark := _LINE_MARK.match(line):
        line = line[mark.end() :]
    return _EMPHASIS.sub("", line).strip()


def _end_of_sentence(line: str) -> int | None:
    ends = (match.start() for match in _SENTENCE_END.finditer(line))
    return next((end for end in ends if not (line[end] == "." and _ABBREVIATION.search(line[:end]))), None)


def _shorten(sentence: str) -> str:
    if _columns(sentence) <= MAX_COLUMNS:
        return sentence
    head = ""
    for character in sentence:
        if _columns(head + character) > MAX_COLUMNS - 1:
            break
        head += character
    ends = [match.start() for match in _CLAUSE_END.finditer(head)]
    if ends and _columns(head[: ends[-1]]) >= MAX_COLUMNS // 2:
        return head[: ends[-1]].strip()
    space = head.rfind(" ")
    if space > 0 and _columns(head[:space]) >= MAX_COLUMNS // 2:
        head = head[:space]
    return head.strip() + "…"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
