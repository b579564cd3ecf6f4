"""Passages that questions are asked about: text files, or rows of pre-training data, in parts of about a page.

A part ends where a paragraph ends, or else a sentence; only a sentence that is longer than a part is cut.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.data.read import read_rows
from belle.errors import KnownError

LONGEST_PASSAGE = 1_200
"""Characters: with the request and the reply it fits into a context of 4,096 tokens."""

SHORTEST_PASSAGE = 60
"""Characters; of less there is nothing to ask."""

_AGAIN = "-again"
_BETWEEN = re.compile(r"(?<=\n)(?=\s*\S)|(?<=[。！？!?])|(?<=\. )")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_MOST_CONTROL = 0.01


@dataclass(frozen=True, slots=True)
class TextPassage:
    """A part of a text.

    Attributes:
        id: a digest of its text.
        source: the file it is from.
    """

    text: str
    source: str

    @property
    def id(self) -> str:
        """The same for the same text."""
        return hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


class PassageQueue:
    """Passages in their order, and once more those about which a reply could not be read.

    Args:
        passages: each with an id of its own.
    """

    def __init__(self, passages: Sequence[TextPassage]) -> None:
        self._passages = passages
        self._again: list[TextPassage] = []
        self._by_id = {passage.id: passage for passage in passages}

    def __len__(self) -> int:
        return len(self._passages)

    def turn(self, number: int) -> tuple[TextPassage, str] | None:
        """The passage whose turn it is, and what to call the request; None where there is none (yet)."""
        if number < len(self._passages):
            passage = self._passages[number]
            return passage, passage.id
        number -= len(self._passages)
        return (self._again[number], f"{self._again[number].id}{_AGAIN}") if number < len(self._again) else None

    def find(self, passage_id: object) -> TextPassage | None:
        """The passage with that id."""
        return self._by_id.get(str(passage_id))

    def unread(self, passage: TextPassage, request_id: str) -> None:
        """The reply to a request about `passage` could not be read: it has a second turn, and no third."""
        if not request_id.endswith(_AGAIN):
            self._again.append(passage)


def read_passages(paths: Iterable[Path], longest: int = LONGEST_PASSAGE) -> list[TextPassage]:
    """The passages of text files (`.txt`), of JSON Lines with `text`, or of folders of these; each text once.

    Raises KnownError ("bad_passages" for what is no text, "no_passages"; those of `read_rows`).
    """
    passages: dict[str, TextPassage] = {}
    for path in paths:
        for row in read_rows(path, "text"):
            _check_text(path, row.text)
            for part in _parts(row.text, longest):
                passage = TextPassage(part, path.name)
                passages.setdefault(passage.id, passage)
    if not passages:
        message = f"There is no passage of at least {SHORTEST_PASSAGE} characters."
        raise KnownError("no_passages", message, "Give longer texts, or several.")
    return list(passages.values())


def _check_text(path: Path, text: str) -> None:
    if len(_CONTROL.findall(text[:100_000])) > _MOST_CONTROL * min(len(text), 100_000):
        message = f"{path} holds something other than text."
        raise KnownError(
            "bad_passages", message, "Give text files in UTF-8, or JSON Lines with “text”.", path=str(path)
        )


def _parts(text: str, longest: int) -> Iterator[str]:
    part = ""
    for piece in _pieces(text, longest):
        if part and len(part) + len(piece) > longest:
            yield from _sound(part)
            part = ""
        part += piece
    yield from _sound(part)


def _pieces(text: str, longest: int) -> Iterator[str]:
    """Paragraphs and sentences with what is between them, none longer than `longest`."""
    for piece in _BETWEEN.split(text):
        for start in range(0, len(piece), longest):
            yield piece[start : start + longest]


def _sound(part: str) -> Iterator[str]:
    if len(stripped := part.strip()) >= SHORTEST_PASSAGE:
        yield stripped
