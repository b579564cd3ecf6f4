"""One piece of training text, and the readers of the tables that pieces are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

SOURCES = Path(__file__).resolve().parent.parent / "sources"

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation, or a passage of plain text.

    Args:
        language: the language it is held out and counted under; a translation counts under that of its question.
        key: what it is about. Samples with the same key say the same thing in other words: all of them are trained
            on, or all are held out.
        turns: questions and answers in turn; empty for plain text.
        text: the plain text; "" for a conversation.
    """

    language: Language
    key: str
    turns: tuple[str, ...] = ()
    text: str = ""

    def joined(self) -> str:
        """All of its text."""
        return self.text or "\n".join(self.turns)


Maker = Callable[[Random], Sample]


@cache
def table(name: str) -> tuple[tuple[str, ...], ...]:
    r"""The rows of a tab-separated file in `sources/`, without comments; `\n` stands for a line break.

    Raises ValueError naming the line whose number of columns differs from the heading's, and OSError.
    """
    lines = (SOURCES / name).read_text(encoding="utf-8").splitlines()
    width = len(lines[0].split(";")[0].split("\t"))
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        row = tuple(cell.replace("\\n", "\n") for cell in line.split("\t"))
        if len(row) != width or not all(row):
            raise ValueError(f"{name}:{number}: expected {width} columns, found {len(row)}")
        rows.append(row)
    return tuple(rows)


@cache
def dialogues(name: str) -> tuple[tuple[str, ...], ...]:
    """The conversations of a file in `sources/`: questions and answers in turn, an empty line between conversations.

    Raises ValueError for a conversation that ends with a question, and OSError.
    """
    text = (SOURCES / name).read_text(encoding="utf-8").split("\n", 1)[1]
    result = []
    for block in text.strip().split("\n\n"):
        turns = tuple(line.replace("\\n", "\n") for line in block.splitlines())
        if len(turns) % 2:
            raise ValueError(f"{name}: the conversation that begins with “{turns[0]}” ends with a question")
        result.append(turns)
    return tuple(result)


def capital(text: str) -> str:
    """`text` with a large first letter."""
    return text[:1].upper() + text[1:]


def indefinite(noun: str) -> str:
    """An English noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' and not noun.startswith('uni') else 'a'} {noun}"
