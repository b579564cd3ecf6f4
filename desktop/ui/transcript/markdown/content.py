"""The text of a message as blocks: parsed as it comes, and folded while it is very long.

A folded message gives only its first lines: a pasted book costs nothing until somebody wants to read it here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from desktop.ui.transcript.markdown.blocks import Block, Code, Line, Span, Table, normalize
from desktop.ui.transcript.markdown.incremental import IncrementalParser

FOLD_QUESTION = 40
FOLD_ANSWER = 400
"""Lines that a folded message shows."""

_WORTH_IT = 6
"""A message is folded only when at least so many lines would be hidden."""

_OPENING = re.compile(r"(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*")


class Content:
    """Blocks of one message. A question is shown as typed, an answer as Markdown."""

    def __init__(self, role: str) -> None:
        self._markdown = role != "user"
        self.limit = FOLD_ANSWER if self._markdown else FOLD_QUESTION
        self._parser = IncrementalParser()
        self._text = ""
        self._blocks: list[Block] = []
        self.folded = False
        self.growing = False
        self._held_row_of: int | None = None

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str, *, fold: bool = False) -> int:
        """Take a text. Returns the first block that changed."""
        if self._markdown and not (fold or self.folded) and self._text and text.startswith(self._text):
            return self.append(text[len(self._text) :])
        self._text = text
        self._parser = IncrementalParser()
        lines = text.count("\n") + 1
        self.folded = fold and lines > self.limit + _WORTH_IT
        if not self._markdown:
            # Twice as many source lines as shown: blank lines and fences do not count.
            self._blocks = parse_plain(_head(text, self.limit * 2) if self.folded else text)
        else:
            self._parser.feed(_head(text, self.limit * 2) if self.folded else text)
            self._blocks = self._parser.blocks
        return 0

    def append(self, text: str) -> int:
        """Take more text. Returns the first block that changed."""
        if self.folded:
            self.unfold()
            self.append(text)
            return 0
        held = self._held_row_of
        self._text += text
        first = self._parser.feed(text)
        self._blocks = self._parser.blocks
        return first if held is None else min(first, held)

    def fold(self) -> None:
        """Give the first lines only, if the text is long enough for that."""
        self.set_text(self._text, fold=True)

    def unfold(self) -> None:
        """Give the whole text from now on."""
        self.folded = False
        self._blocks = []
        text, self._text = self._text, ""
        self.set_text(text)

    @property
    def blocks(self) -> Sequence[Block]:
        """What is to be shown now."""
        self._held_row_of = None
        if self.folded:
            return first_lines(self._blocks, self.limit)
        last = self._blocks[-1] if self._blocks else None
        if self.growing and isinstance(last, Table) and len(last.rows) > 1 and not self._text.endswith("\n"):
            # The last row of a growing table is shown when it is whole: columns would jump with every letter.
            self._held_row_of = len(self._blocks) - 1
            return [*self._blocks[:-1], Table(last.aligns, last.rows[:-1], last.containers)]
        return self._blocks

    @property
    def lines(self) -> int:
        """Lines of the whole text."""
        return normalize(self._text).strip("\n").count("\n") + 1


def _head(text: str, lines: int) -> str:
    at = -1
    for _ in range(lines):
        at = text.find("\n", at + 1)
        if at < 0:
            return text
    return text[:at]


def first_lines(blocks: Sequence[Block], count: int) -> list[Block]:
    """As many of the blocks as make `count` lines."""
    shown: list[Block] = []
    for block in blocks:
        if count <= 0:
            break
        if isinstance(block, Code):
            lines = block.text.split("\n")
            shown.append(Code("\n".join(lines[:count]), block.language, block.closed, block.containers))
            count -= len(lines)
        elif isinstance(block, Table):
            shown.append(Table(block.aligns, block.rows[: count + 1], block.containers))
            count -= len(block.rows)
        else:
            shown.append(block)
            count -= 1 if not isinstance(block, Line) or block.spans else 0
    return shown


def parse_plain(text: str) -> list[Block]:
    """The blocks of a message as a person typed it: line by line, with only fenced code drawn as code.

    Markdown would eat the stars and underscores that people type and mean; and it would take long over a pasted book.
    """
    blocks: list[Block] = []
    lines = normalize(text).strip("\n").split("\n")
    at = 0
    opens = True
    while at < len(lines):
        line = lines[at]
        opening = _OPENING.fullmatch(line)
        end = _closing(lines, at, opening[1]) if opening else None
        if opening and end is not None:
            blocks.append(Code("\n".join(lines[at + 1 : end]), opening[2]))
            at, opens = end + 1, True
        else:
            # An empty line is a gap between paragraphs; several are kept as such.
            if line.strip() or not opens:
                blocks.append(Line((Span(line),) if line.strip() else (), opens=opens))
            opens = False
            at += 1
    return blocks


def _closing(lines: list[str], opening: int, marker: str) -> int | None:
    for number in range(opening + 1, len(lines)):
        line = lines[number].strip()
        if len(line) >= len(marker) and line == marker[0] * len(line):
            return number
    return None
