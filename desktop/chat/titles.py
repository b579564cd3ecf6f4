"""A title for a conversation from its first question, without asking the model."""

from __future__ import annotations

import re
import unicodedata

MAX_COLUMNS = 36
"""Width of a title in half-width columns: a Chinese character takes two."""

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_FENCE_LINE = re.compile(r"^```.*$", re.MULTILINE)
_MARKS = re.compile(r"^[\s#>*+\-\d.)、]+|[*_`~]+", re.MULTILINE)
_SENTENCE_END = re.compile(r"[。！？!?；;]|\.(?=\s|$)")
_CLAUSE_END = re.compile(r"[，,、：:—]")


def title_of(question: str) -> str:
    """The first sentence of the question, free of Markdown, cut at a word or clause to `MAX_COLUMNS`.

    Returns an empty string when there is nothing to say, such as for a question of punctuation only.
    """
    prose = _FENCE.sub(" ", question)
    text = prose if prose.strip() else _FENCE_LINE.sub("", question)
    lines = [line for line in (_MARKS.sub("", line).strip() for line in text.splitlines()) if line]
    if not lines:
        return ""
    line = " ".join(lines[0].split())
    end = _SENTENCE_END.search(line)
    sentence = line[: end.start()].strip() if end and end.start() > 0 else line
    if not any(c.isalnum() for c in sentence):
        return ""
    return _shorten(sentence)


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
