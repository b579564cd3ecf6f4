"""The text of one message as blocks: parsed as it arrives, and folded while it is very long.

Of a folded message only the first lines are parsed: a pasted book costs nothing until somebody unfolds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from desktop.ui.transcript.markdown.blocks import Block, Code, Line, Span, Table, normalize
from desktop.ui.transcript.markdown.citations import with_citations
from desktop.ui.transcript.markdown.incremental import IncrementalParser

FOLD_QUESTION = 40
FOLD_ANSWER = 400
"""Lines that a folded message shows."""

_MIN_HIDDEN = 6
"""A message is folded only when more lines than this would be hidden."""

_FENCE_OPENING = re.compile(r"(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*")


class Content:
    """The blocks of one message. A question is shown as typed, an answer as Markdown.

    `growing` is true while the answer is being generated; `limit` is the number of lines that are shown when folded;
    `citations` are the numbers of passages to which it can link.
    """

    def __init__(self, role: str) -> None:
        self._markdown = role != "user"
        self.limit = FOLD_ANSWER if self._markdown else FOLD_QUESTION
        self._parser = IncrementalParser()
        self._text = ""
        self._blocks: list[Block] = []
        self.folded = False
        self.growing = False
        self.citations: frozenset[int] = frozenset()
        self._row_hidden_at: int | None = None  # index of the table whose last row `blocks` left out

    @property
    def text(self) -> str:
        """The whole text."""
        return self._text

    def set_text(self, text: str, *, fold: bool = False) -> int:
        """Replace the text. Returns the index of the first block that has changed."""
        if self._markdown and not (fold or self.folded) and self._text and text.startswith(self._text):
            return self.append(text[len(self._text) :])
        self._text = text
        self._parser = IncrementalParser()
        lines = text.count("\n") + 1
        self.folded = fold and lines > self.limit + _MIN_HIDDEN
        # Twice as many lines of the source as are shown, because blank lines and fences make no line on the page.
        if not self._markdown:
            self._blocks = parse_plain(_head(text, self.limit * 2) if self.folded else text)
        else:
            self._parser.feed(_head(text, self.limit * 2) if self.folded else text)
            self._blocks = self._parser.blocks
        return 0

    def append(self, text: str) -> int:
        """Add text at the end. Returns the index of the first block that has changed."""
        if self.folded:
            self.unfold()
            self.append(text)
            return 0
        row_hidden_at = self._row_hidden_at
        self._text += text
        first = self._parser.feed(text)
        self._blocks = self._parser.blocks
        # A table whose last row was left out changes when the row is complete, even if the parser's table stays equal.
        return first if row_hidden_at is None else min(first, row_hidden_at)

    def fold(self) -> None:
        """Show only the first lines from now on, if the text is long enough for that."""
        self.set_text(self._text, fold=True)

    def unfold(self) -> None:
        """Show the whole text from now on."""
        self.folded = False
        self._blocks = []
        text, self._text = self._text, ""
        self.set_text(text)

    @property
    def blocks(self) -> Sequence[Block]:
        """The blocks to be shown now."""
        return with_citations(self._shown_blocks(), self.citations) if self.citations else self._shown_blocks()

    def _shown_blocks(self) -> Sequence[Block]:
        self._row_hidden_at = None
        if self.folded:
            return first_lines(self._blocks, self.limit)
        last = self._blocks[-1] if self._blocks else None
        if self.growing and isinstance(last, Table) and len(last.rows) > 1 and not self._text.endswith("\n"):
            # The last row of a growing table is left out until it is complete: columns would move with every letter.
            self._row_hidden_at = len(self._blocks) - 1
            return [*self._blocks[:-1], Table(last.aligns, last.rows[:-1], last.containers)]
        return self._blocks

    @property
    def lines(self) -> int:
        """The number of lines of the whole text."""
        return normalize(self._text).strip("\n").count("\n") + 1


def _head(text: str, lines: int) -> str:
    at = -1
    for _ in range(lines):
        at = text.find("\n", at + 1)
        if at < 0:
            return text
    return text[:at]


def first_lines(blocks: Sequence[Block], count: int) -> list[Block]:
    """The first `count` lines of the blocks; code and tables are cut."""
    result: list[Block] = []
    for block in blocks:
        if count <= 0:
            break
        if isinstance(block, Code):
            lines = block.text.split("\n")
            result.append(Code("\n".join(lines[:count]), block.language, block.closed, block.containers))
            count -= len(lines)
        elif isinstance(block, Table):
            result.append(Table(block.aligns, block.rows[: count + 1], block.containers))
            count -= len(block.rows)
        else:
            result.append(block)
            count -= 1 if not isinstance(block, Line) or block.spans else 0
    return result


def parse_plain(text: str) -> list[Block]:
    """The blocks of a message as a person typed it: one per line; only fenced code becomes a block of code.

    Markdown would remove stars and underscores that people type and mean, and parsing a pasted book would take long.
    """
    blocks: list[Block] = []
    lines = normalize(text).strip("\n").split("\n")
    at = 0
    opens = True
    while at < len(lines):
        line = lines[at]
        opening = _FENCE_OPENING.fullmatch(line)
        end = _closing_fence(lines, at, opening[1]) if opening else None
        if opening and end is not None:
            blocks.append(Code("\n".join(lines[at + 1 : end]), opening[2]))
            at, opens = end + 1, True
        else:
            # A blank line is shown, but not directly behind code, which has a margin of its own.
            if line.strip() or not opens:
                blocks.append(Line((Span(line),) if line.strip() else (), opens=opens))
            opens = False
            at += 1
    return blocks


def _closing_fence(lines: list[str], opening: int, marker: str) -> int | None:
    for number in range(opening + 1, len(lines)):
        line = lines[number].strip()
        if len(line) >= len(marker) and line == marker[0] * len(line):
            return number
    return None
