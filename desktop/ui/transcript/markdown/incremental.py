"""Markdown that arrives a few characters at a time: the same blocks as of the whole text, at the cost of its end only.

What was read is split at a *cut*: everything before it is settled, only the text after it (the tail) is read again
when more comes. A cut lies before the last top-level block once that one has surely begun, between items of a list,
between rows of a table, between the lines of a long paragraph in which nothing is left open, and after the opening
line of a fence, whose lines need no Markdown at all. At every moment the blocks equal `parse(text so far)`: where a cut
turns out to be wrong (a heading underlined after the fact) or cannot be trusted (link references act at a distance)
the text is read again from an earlier place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from desktop.ui.transcript.markdown.blocks import Block, Code, Line, Table, normalize
from desktop.ui.transcript.markdown.math_rules import may_be_open
from desktop.ui.transcript.markdown.parse import Parsed, TopLevelBlock, parse_pieces

_LONG_PARAGRAPH = 12
"""Lines from which on a paragraph is cut; its last `_KEPT` lines stay in the tail."""
_KEPT = 4

_TABLE_LINE = re.compile(r"[\s:|-]*-[\s:|-]*")

_MAY_OPEN = re.compile(r"`|[*~](?=[^\s*~])|(?<![^\W_])_+(?=[^\s_])")
"""Left-over characters that a later line could still make the beginning of emphasis or code."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What the tail continues. `prefix` is put before it to be read in the right context and gives `drop` blocks.

    `number` continues an ordered list, `table` holds the settled rows of a table, and `undo` is the (offset, block)
    at which a paragraph began that may still turn out to be a heading.
    """

    prefix: str = ""
    drop: int = 0
    number: int | None = None
    table: Table | None = None
    undo: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place to cut: before `line`, with `first` the index of the first block after it."""

    line: int
    first: int
    context: _Context


@dataclass(slots=True)
class _Fence:
    """An open fence at the left margin: what closes it, its whole lines of code, its unfinished line."""

    closing: re.Pattern[str]
    language: str
    code: str
    line: str


class IncrementalParser:
    """Feed it text; `blocks` is always what the whole text means."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._source = ""
        self._start = 0  # offset of the tail in the source
        self._settled = 0  # blocks before the tail
        self._context = _Context()
        self._fence: _Fence | None = None
        self._held = ""

    @property
    def source(self) -> str:
        """The text so far, with normalized newlines."""
        return self._source

    @property
    def tail_length(self) -> int:
        """Characters that are read again when more text comes."""
        return len(self._source) - self._start

    def feed(self, text: str) -> int:
        """Take more text. Returns the index of the first block that is new or has changed."""
        text = self._held + text
        # A carriage return may be half of a newline.
        self._held = "\r" if text.endswith("\r") else ""
        text = normalize(text.removesuffix("\r"))
        if not text:
            return len(self.blocks)
        before, same = self.blocks, self._settled
        self._source += text
        if self._fence is None or not self._feed_fence(self._fence, text):
            same = min(same, self._read_tail())
        while same < min(len(before), len(self.blocks)) and before[same] == self.blocks[same]:
            same += 1
        return same

    def _feed_fence(self, fence: _Fence, text: str) -> bool:
        """Add code. Returns false when that closed the fence, and the text after it is to be read."""
        *whole, unfinished = (fence.line + text).split("\n")
        for number, line in enumerate(whole):
            if fence.closing.fullmatch(line):
                self._put([Code((fence.code + "".join(f"{w}\n" for w in whole[:number]))[:-1], fence.language)])
                rest = len("\n".join([*whole[number + 1 :], unfinished]))
                self._restart(len(self._source) - rest, self._settled + 1, _Context())
                return False
        fence.code += "".join(f"{line}\n" for line in whole)
        fence.line = unfinished
        self._put([_code_of(fence)])
        return True

    def _read_tail(self) -> int:
        """Read the tail and cut it. Returns the index of the first block that was made anew."""
        while True:
            text = self._context.prefix + self._source[self._start :]
            parsed = parse_pieces(text, self._context.number)
            if parsed.has_references and self._start:
                self._restart(0, 0, _Context())
            elif self._context.undo and parsed.pieces[0].kind == "heading":
                self._restart(*self._context.undo, _Context())
            else:
                break
        low = self._settled
        table = self._context.table
        if table is not None:
            rest = parsed.blocks[0]
            assert isinstance(rest, Table)
            parsed.blocks[0] = Table(table.aligns, table.rows + rest.rows[1:])
        self._put(parsed.blocks[self._context.drop :])
        if not parsed.has_references:
            self._cut(text, parsed)
        return low

    def _put(self, tail: Sequence[Block]) -> None:
        # A new list: the old one is compared with it.
        self.blocks = [*self.blocks[: self._settled], *tail]

    def _restart(self, start: int, settled: int, context: _Context) -> None:
        self._start, self._settled, self._context, self._fence = start, settled, context, None

    def _cut(self, text: str, parsed: Parsed) -> None:
        lines = text.split("\n")
        if not parsed.pieces:
            return
        last = parsed.pieces[-1]
        settled = self._settled - self._context.drop
        if last.kind == "fence":
            fence = _open_fence(lines, last, parsed)
            if fence is not None:
                self._settled = settled + last.first
                self._fence = fence
                return
        cut = self._inner_cut(lines, last, parsed) or _outer_cut(lines, parsed.pieces)
        if cut is None:
            return
        start = self._start - len(self._context.prefix) + sum(len(line) + 1 for line in lines[: cut.line])
        self._restart(start, settled + cut.first, cut.context)

    def _inner_cut(self, lines: list[str], last: TopLevelBlock, parsed: Parsed) -> _Cut | None:
        """A cut within the last top-level block."""
        whole = len(lines) - 1
        if last.kind == "table":
            return _table_cut(lines, last, parsed)
        if last.kind == "paragraph" and last.end - last.begin >= _LONG_PARAGRAPH:
            undo = self._context.undo if last.begin == 0 else None
            if undo is None:
                begin = sum(len(line) + 1 for line in lines[: last.begin])
                undo = (
                    self._start - len(self._context.prefix) + begin,
                    self._settled - self._context.drop + last.first,
                )
            return _paragraph_cut(lines, last, parsed, undo)
        for index in range(len(last.items) - 1, 0, -1):
            line, first = last.items[index]
            # Read by itself, an item above a line of dashes and pipes would be the head of a table.
            if line + 1 < whole and not _TABLE_LINE.fullmatch(lines[line + 1]):
                number = None if last.number is None else last.number + index
                return _Cut(line, first, _Context(number=number))
        return None


def _code_of(fence: _Fence) -> Code:
    closed = fence.closing.fullmatch(fence.line) is not None
    # Blanks alone are not a line yet: they may be the indentation of one.
    code = fence.code + fence.line if fence.line.strip() and not closed else fence.code
    return Code(code.removesuffix("\n"), fence.language, closed)


def _open_fence(lines: list[str], piece: TopLevelBlock, parsed: Parsed) -> _Fence | None:
    code = parsed.blocks[piece.first]
    opening = lines[piece.begin]
    # Even the opening line of a fence is the head of a table when the line below makes it one.
    if piece.begin + 1 >= len(lines) - 1 or not opening.startswith(piece.fence) or not isinstance(code, Code):
        return None
    closing = re.compile(" {0,3}" + re.escape(piece.fence) + re.escape(piece.fence[0]) + "*[ \t]*")
    *whole, unfinished = lines[piece.begin + 1 :]
    if any(closing.fullmatch(line) for line in whole):
        return None
    return _Fence(closing, code.language, "".join(f"{line}\n" for line in whole), unfinished)


def _table_cut(lines: list[str], piece: TopLevelBlock, parsed: Parsed) -> _Cut | None:
    table = parsed.blocks[piece.first]
    at = min(piece.end, len(lines) - 1)
    if at - piece.begin < 3 or not isinstance(table, Table):
        return None
    settled = table.rows if at == piece.end else table.rows[:-1]
    prefix = f"{lines[piece.begin]}\n{lines[piece.begin + 1]}\n"
    return _Cut(at, piece.first, _Context(prefix, table=Table(table.aligns, settled)))


def _paragraph_cut(lines: list[str], piece: TopLevelBlock, parsed: Parsed, undo: tuple[int, int]) -> _Cut | None:
    for at in range(min(piece.end, len(lines) - 1) - _KEPT, piece.begin + _KEPT, -1):
        # What follows the cut must be nothing but text, whatever stands before it.
        if not lines[at][:1].isalnum() or lines[at][:1].isdecimal():
            continue
        before = parse_pieces("\n".join(lines[piece.begin : at])).blocks
        if before == parsed.blocks[piece.first : piece.first + len(before)] and _nothing_open(before):
            return _Cut(at, piece.first + len(before), _Context("x\n", drop=1, undo=undo))
        return None
    return None


def _nothing_open(blocks: Sequence[Block]) -> bool:
    depth = 0
    for block in blocks:
        if not isinstance(block, Line):
            return False
        text = "".join("x" if span.code or span.math else span.text for span in block.spans)
        if _MAY_OPEN.search(text) or may_be_open(text):
            return False
        for sign in text:
            depth = depth + 1 if sign == "[" else max(0, depth - 1) if sign == "]" else depth
    return depth == 0


def _outer_cut(lines: list[str], pieces: Sequence[TopLevelBlock]) -> _Cut | None:
    """A cut before the last top-level block that has surely begun."""
    whole = len(lines) - 1
    for before, piece in zip(reversed(pieces[:-1]), reversed(pieces), strict=False):
        ended = before.kind not in ("bullet_list", "ordered_list", "code_block")
        apart = piece.begin > 0 and not lines[piece.begin - 1].strip()
        # What a block is can depend on its first two lines: a table's, a heading's underline.
        settled = whole - piece.begin >= 2 and not (piece is pieces[-1] and piece.kind == "math_block")
        if settled or (ended and apart):
            return _Cut(piece.begin, piece.first, _Context())
    return None
