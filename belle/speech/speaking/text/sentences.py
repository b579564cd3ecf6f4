"""Splits a paragraph into sentences, Chinese and English."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 120
"""Characters of a sentence after which it is split at a comma, so that what is said next is there in time."""

_CLOSING = re.escape("”’\"'」』）)】》〉］]")
_CHINESE_END = "。！？…；｡"
# A full stop ends a sentence when a space and no small letter follow, and no abbreviation or initial stands before it.
_END = re.compile(
    rf"[{_CHINESE_END}!?]+[{_CLOSING}]*(?!\s*[{_CHINESE_END}!?])|\.+[{_CLOSING}]*(?=\s+[^\sa-z]|\s*$|\s*[\u4e00-\u9fff])|\n+"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|approx|No|Fig|Eq|Sec|Ch|Vol|cf|al|Inc|Ltd|Co|Jan|Feb|Mar|Apr|Jun|Jul|Aug|"
    r"Sept?|Oct|Nov|Dec)|\b[A-Z]|\b[a-z]\.[a-z]|\b[A-Z]\.[A-Z]|^\s*\d{1,3})$"
)
_PAUSE = re.compile(r"[，、：,;:—]+\s*")


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph in order, without the white space around them; none is empty.

    Joined, they are the paragraph but for white space. One of more than `LONGEST` characters is split at its pauses.
    """
    return [part for sentence in _split(paragraph) for part in _short(sentence)]


def _split(paragraph: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(paragraph):
        if match[0].startswith(".") and len(match[0]) == 1 and _ABBREVIATION.search(paragraph[start : match.start()]):
            continue
        if match[0].startswith("…") and _goes_on(paragraph, match.end()):
            continue
        sentence = paragraph[start : match.end()].strip()
        if sentence:
            yield sentence
        start = match.end()
    if rest := paragraph[start:].strip():
        yield rest


def _goes_on(paragraph: str, end: int) -> bool:
    """Whether an ellipsis is a hesitation inside a sentence: a comma follows."""
    return paragraph[end : end + 1] in tuple("，,、")


def _short(sentence: str) -> Iterator[str]:
    """Split a long sentence at the last pause before `LONGEST`, or at a space, or there."""
    while len(sentence) > LONGEST:
        pauses = [match.end() for match in _PAUSE.finditer(sentence, 0, LONGEST) if match.end() >= LONGEST // 4]
        cut = pauses[-1] if pauses else sentence.rfind(" ", LONGEST // 4, LONGEST) + 1 or LONGEST
        yield sentence[:cut].strip()
        sentence = sentence[cut:].strip()
    if sentence:
        yield sentence
