"""Incremental parsing of Markdown that arrives a few characters at a time.

The text is split at a *cut*: the blocks before it are settled, and only the text after it (the *tail*) is parsed again
when more arrives. A cut lies before the last top-level block once it is certain that this block has begun; between
the items of a list; between the rows of a table; between lines of a long paragraph that leave no emphasis, code, link
or formula open; and behind the opening line of a fence, whose content is not Markdown.

Invariant: after every `feed`, `blocks == parse(text so far)`. Where a cut proves wrong (an underline turns the
paragraph above it into a heading) or cannot be trusted (a link reference definition changes text far above it), the
text is parsed again from an earlier position.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from desktop.markup.math_rules import may_be_open
from desktop.ui.transcript.markdown.blocks import Block, Code, Line, Table, normalize
from desktop.ui.transcript.markdown.parse import Parsed, TopLevelBlock, parse_pieces

_LONG_PARAGRAPH = 12
"""Lines from which on a paragraph is cut; its last `_TAIL_LINES` lines stay in the tail."""
_TAIL_LINES = 4

_DELIMITER_ROW = re.compile(r"[\s:|-]*-[\s:|-]*")
"""The line under the header of a table."""

_MAY_OPEN = re.compile(r"`|[*~](?=[^\s*~])|(?<![^\W_])_+(?=[^\s_])")
"""Characters of parsed text that a later line can still turn into the beginning of emphasis or code."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What the tail continues.

    Attributes:
        prefix: text that is parsed before the tail, so that the tail is parsed in the right context.
        drop: number of blocks that the prefix gives; they are dropped from the result.
        number: number of the tail's first item, when the tail continues an ordered list.
        table: the settled rows, when the tail continues a table.
        undo: (offset in the source, index of the block) of the paragraph that the tail continues; the text is parsed
            again from there if the paragraph proves to be a heading.
    """

    prefix: str = ""
    drop: int = 0
    number: int | None = None
    table: Table | None = None
    undo: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Cut:
    """A position to cut at: before `line`; `first` is the index of the first block after it. Both within the tail."""

    line: int
    first: int
    context: _Context


@dataclass(slots=True)
class _Fence:
    """An open fence at the left margin: the pattern that closes it, its complete lines of code, its incomplete line."""

    closing: re.Pattern[str]
    language: str
    code: str
    line: str


class IncrementalParser:
    """`feed` takes text; `blocks` are at any time the blocks of the whole text so far."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._source = ""
        self._start = 0  # offset of the tail in the source
        self._settled = 0  # blocks before the tail
        self._context = _Context()
        self._fence: _Fence | None = None
        self._pending = ""

    @property
    def source(self) -> str:
        """The text so far, with normalized newlines."""
        return self._source

    @property
    def tail_length(self) -> int:
        """Characters that are parsed again when more text arrives."""
        return len(self._source) - self._start

    def feed(self, text: str) -> int:
        """Take more text. Returns the index of the first block that is new or has changed."""
        text = self._pending + text
        # A carriage return at the end may be the first half of `\r\n`.
        self._pending = "\r" if text.endswith("\r") else ""
        text = normalize(text.removesuffix("\r"))
        if not text:
            return len(self.blocks)
        before, same = self.blocks, self._settled
        self._source += text
        if self._fence is None or not self._feed_fence(self._fence, text):
            same = min(same, self._parse_tail())
        while same < min(len(before), len(self.blocks)) and before[same] == self.blocks[same]:
            same += 1
        return same

    def _feed_fence(self, fence: _Fence, text: str) -> bool:
        """Add code. Returns false when the text closes the fence; what follows it is then the tail."""
        *complete, incomplete = (fence.line + text).split("\n")
        for number, line in enumerate(complete):
            if fence.closing.fullmatch(line):
                code = fence.code + "".join(f"{w}\n" for w in complete[:number])
                self._set_tail([Code(code[:-1], fence.language)])
                rest = len("\n".join([*complete[number + 1 :], incomplete]))
                self._restart(len(self._source) - rest, self._settled + 1, _Context())
                return False
        fence.code += "".join(f"{line}\n" for line in complete)
        fence.line = incomplete
        self._set_tail([_code_of(fence)])
        return True

    def _parse_tail(self) -> int:
        """Parse the tail and cut it. Returns the index of the first block that was parsed again."""
        while True:
            text = self._context.prefix + self._source[self._start :]
            parsed = parse_pieces(text, self._context.number)
            if parsed.has_references and self._start:
                # A definition `[a]: …` makes links of every `[a]` above it: from now on all text is the tail.
                self._restart(0, 0, _Context())
            elif self._context.undo and parsed.pieces[0].kind == "heading":
                # A line of `=` or `-` arrived: the settled lines of the paragraph belong to the heading.
                self._restart(*self._context.undo, _Context())
            else:
                break
        settled = self._settled
        table = self._context.table
        if table is not None:
            rest = parsed.blocks[0]
            assert isinstance(rest, Table)
            # The prefix repeats the header, which the settled rows begin with already.
            parsed.blocks[0] = Table(table.aligns, table.rows + rest.rows[1:])
        self._set_tail(parsed.blocks[self._context.drop :])
        if not parsed.has_references:
            self._cut(text, parsed)
        return settled

    def _set_tail(self, tail: Sequence[Block]) -> None:
        # A new list, because `feed` compares the old one with it.
        self.blocks = [*self.blocks[: self._settled], *tail]

    def _restart(self, start: int, settled: int, context: _Context) -> None:
        self._start, self._settled, self._context, self._fence = start, settled, context, None

    def _cut(self, text: str, parsed: Parsed) -> None:
        lines = text.split("\n")
        if not parsed.pieces:
            return
        last = parsed.pieces[-1]
        # The index in `self.blocks` of `parsed.blocks[0]`, were those not dropped that the prefix gave.
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
        complete = len(lines) - 1  # the last line may still grow
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
            # Parsed without the items before it, an item above a line of dashes and pipes is the header of a table.
            if line + 1 < complete and not _DELIMITER_ROW.fullmatch(lines[line + 1]):
                number = None if last.number is None else last.number + index
                return _Cut(line, first, _Context(number=number))
        return None


def _code_of(fence: _Fence) -> Code:
    closed = fence.closing.fullmatch(fence.line) is not None
    # markdown-it-py drops spaces at the very end of a text, so they are no line of code before something follows.
    code = fence.code + fence.line if fence.line.strip() and not closed else fence.code
    return Code(code.removesuffix("\n"), fence.language, closed)


def _open_fence(lines: list[str], piece: TopLevelBlock, parsed: Parsed) -> _Fence | None:
    code = parsed.blocks[piece.first]
    opening = lines[piece.begin]
    # The rule of tables runs before that of fences: with a `|` in it, even the opening line of a fence is the header of
    # a table when a delimiter row follows. So that next line must be complete.
    if piece.begin + 1 >= len(lines) - 1 or not opening.startswith(piece.fence) or not isinstance(code, Code):
        return None
    closing = re.compile(" {0,3}" + re.escape(piece.fence) + re.escape(piece.fence[0]) + "*[ \t]*")
    *complete, incomplete = lines[piece.begin + 1 :]
    if any(closing.fullmatch(line) for line in complete):
        return None
    return _Fence(closing, code.language, "".join(f"{line}\n" for line in complete), incomplete)


def _table_cut(lines: list[str], piece: TopLevelBlock, parsed: Parsed) -> _Cut | None:
    table = parsed.blocks[piece.first]
    at = min(piece.end, len(lines) - 1)
    if at - piece.begin < 3 or not isinstance(table, Table):  # header, delimiter row and a complete row
        return None
    # When the last line is incomplete it is a row of `table` that stays in the tail.
    settled = table.rows if at == piece.end else table.rows[:-1]
    prefix = f"{lines[piece.begin]}\n{lines[piece.begin + 1]}\n"
    return _Cut(at, piece.first, _Context(prefix, table=Table(table.aligns, settled)))


def _paragraph_cut(lines: list[str], piece: TopLevelBlock, parsed: Parsed, undo: tuple[int, int]) -> _Cut | None:
    for at in range(min(piece.end, len(lines) - 1) - _TAIL_LINES, piece.begin + _TAIL_LINES, -1):
        # The line after the cut must be text in any context: one that begins with a letter. A digit can begin a list.
        if not lines[at][:1].isalnum() or lines[at][:1].isdecimal():
            continue
        before = parse_pieces("\n".join(lines[piece.begin : at])).blocks
        if before == parsed.blocks[piece.first : piece.first + len(before)] and _nothing_open(before):
            # The line `x` stands for the settled lines: behind it the tail is parsed as the rest of a paragraph.
            return _Cut(at, piece.first + len(before), _Context("x\n", drop=1, undo=undo))
        return None
    return None


def _nothing_open(blocks: Sequence[Block]) -> bool:
    """Whether these lines parse the same whatever lines follow: no emphasis, code, formula or bracket may be open."""
    depth = 0  # of square brackets, which may become a link
    for block in blocks:
        if not isinstance(block, Line):
            return False
        text = "".join("x" if span.code or span.math else span.text for span in block.spans)
        if _MAY_OPEN.search(text) or may_be_open(text):
            return False
        for char in text:
            depth = depth + 1 if char == "[" else max(0, depth - 1) if char == "]" else depth
    return depth == 0


def _outer_cut(lines: list[str], pieces: Sequence[TopLevelBlock]) -> _Cut | None:
    """A cut before the last top-level block that has certainly begun."""
    complete = len(lines) - 1
    for before, piece in zip(reversed(pieces[:-1]), reversed(pieces), strict=False):
        # Lists and indented code continue behind a blank line; all other blocks end there.
        ends_at_blank_line = before.kind not in ("bullet_list", "ordered_list", "code_block")
        after_blank_line = piece.begin > 0 and not lines[piece.begin - 1].strip()
        # The kind of a block depends on its first two lines: a table's header, a heading's underline.
        is_certain = complete - piece.begin >= 2 and not (piece is pieces[-1] and piece.kind == "math_block")
        if is_certain or (ends_at_blank_line and after_blank_line):
            return _Cut(piece.begin, piece.first, _Context())
    return None
