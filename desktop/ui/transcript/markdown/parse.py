"""Parses Markdown to blocks with markdown-it-py: CommonMark, tables, strikethrough and formulas.

A model's answer must not be able to load or run anything: raw HTML is shown as text, an image as its description and
address, and only web and mail addresses become links. Unlike in CommonMark, a line break in the text is a line
break on the page, because that is how models use it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from desktop.markup.math_rules import add_math
from desktop.ui.transcript.markdown.blocks import (
    Align,
    Block,
    Code,
    Container,
    Formula,
    Line,
    Span,
    Table,
    ThematicBreak,
    normalize,
)
from desktop.ui.transcript.markdown.indents import outdent_lists

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

_BULLETS = ("•", "◦", "▪")
_OPENABLE = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_BARE_URL = re.compile(r"""https?://[^\s<>"'`，。！？；：、（）【】《》「」『』“”‘’…]+""", re.IGNORECASE)
_MAX_NESTING = 40
"""Levels of nested lists and quotes that are parsed; a list is two levels, with its item."""
_TASK = re.compile(r"\[([ xX])\] +")


@dataclass(slots=True)
class TopLevelBlock:
    """A top-level block of Markdown: the lines `begin` to `end` (exclusive) of the source.

    `first` is the index of its first block. `items` are (line, index of the first block) of the items of a list,
    `number` is the number of its first item, `fence` is the opening marker of a fence.
    """

    kind: str
    begin: int
    end: int
    first: int
    items: list[tuple[int, int]] = field(default_factory=list)
    number: int | None = None
    fence: str = ""


@dataclass(slots=True)
class Parsed:
    """The blocks of a text, its top-level blocks in the source, and whether it has link reference definitions."""

    blocks: list[Block]
    pieces: list[TopLevelBlock]
    has_references: bool


def parse(text: str) -> list[Block]:
    """The blocks of a whole text."""
    return parse_pieces(normalize(text)).blocks


def parse_pieces(text: str, first_number: int | None = None) -> Parsed:
    """The blocks of a normalized text, and their lines in it.

    `first_number` replaces the number of the first item, if the text begins with an ordered list.
    """
    environment: dict[str, Any] = {}
    tokens = _parser().parse(outdent_lists(text), environment)
    builder = _BlockBuilder(tokens, first_number)
    builder.build()
    return Parsed(builder.blocks, builder.pieces, bool(environment.get("references")))


def warm_up() -> None:
    """Import the parser in a thread, while the model still reads the question."""
    threading.Thread(target=_parser, name="markdown", daemon=True).start()


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    parser.block.ruler.before("table", "too_deep", _too_deep)
    add_math(parser)
    return parser


def _too_deep(state: StateBlock, begin: int, limit: int, silent: bool) -> bool:
    """A rule of the parser: content nested deeper than `maxNesting`, which it would drop, becomes paragraphs."""
    if silent or state.level < _MAX_NESTING - 2:
        return False
    # markdown-it's block loop ends at `maxNesting` and skips the rest of the container: take all its lines here.
    state.line = limit
    for number in range(begin, limit):
        content = state.getLines(number, number + 1, state.blkIndent, False).strip()
        if content:
            state.push("paragraph_open", "p", 1).map = [number, number + 1]
            inline = state.push("inline", "", 0)
            inline.content, inline.map, inline.children = content, [number, number + 1], []
            state.push("paragraph_close", "p", -1)
    return True


@dataclass(slots=True)
class _List:
    """An open list: the number of its next item, None for bullets."""

    number: int | None


class _BlockBuilder:
    """Turns markdown-it's tokens into `blocks` and `pieces`, in one pass."""

    def __init__(self, tokens: Sequence[Token], first_number: int | None) -> None:
        self._tokens = tokens
        self._first_number = first_number
        self._containers: tuple[Container, ...] = ()
        self._lists: list[_List] = []
        self._marker = ""
        self._item_is_new = False
        self.blocks: list[Block] = []
        self.pieces: list[TopLevelBlock] = []

    def build(self) -> None:
        """Process all tokens."""
        tokens = self._tokens
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.level == 0 and token.nesting >= 0 and token.map:
                kind = token.type.removesuffix("_open")
                self.pieces.append(TopLevelBlock(kind, token.map[0], token.map[1], len(self.blocks)))
            if token.type in ("paragraph_open", "heading_open"):
                heading = int(token.tag[1]) if token.type == "heading_open" else 0
                self._text(tokens[at + 1], heading)
                at += 3  # opening, inline, closing
            elif token.type == "table_open":
                at = self._table(at)
            else:
                self._other(token)
                at += 1

    def _other(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._open_item(token)
            case "list_item_close":
                self._flush_marker()
                self._containers = self._containers[:-1]
            case "blockquote_open":
                self._flush_marker()
                self._containers += ("quote",)
            case "blockquote_close":
                self._containers = self._containers[:-1]
            case "fence" | "code_block":
                self._code(token)
            case "math_block":
                self._formula(token)
            case "hr":
                self._flush_marker()
                self.blocks.append(ThematicBreak(self._containers))

    def _open_list(self, token: Token) -> None:
        self._flush_marker()
        number: int | None = None
        if token.type == "ordered_list_open":
            start = token.attrGet("start")  # absent for a list that begins with 1
            number = 1 if start is None else int(start)
            if token.level == 0:
                if len(self.pieces) == 1 and self._first_number is not None:
                    number = self._first_number
                self.pieces[-1].number = number
        self._lists.append(_List(number))

    def _open_item(self, token: Token) -> None:
        current = self._lists[-1]
        if token.level == 1 and token.map and not self._containers:
            self.pieces[-1].items.append((token.map[0], len(self.blocks)))
        self._containers += ("item",)
        if current.number is None:
            self._marker = _BULLETS[min(len(self._lists), len(_BULLETS)) - 1]
        else:
            self._marker = f"{current.number}."
            current.number += 1
        self._item_is_new = True

    def _flush_marker(self) -> None:
        # An item that is empty or does not begin with text still shows its bullet, on a line of its own.
        if self._item_is_new:
            self.blocks.append(Line((), self._containers, self._take_marker()))

    def _take_marker(self) -> str:
        self._item_is_new = False
        marker, self._marker = self._marker, ""
        return marker

    def _text(self, token: Token, heading: int) -> None:
        lines = list(_lines(token.children or []))
        marker = self._take_marker()
        if marker and lines and not heading:
            lines[0], marker = _with_checkbox(lines[0], marker)
        for number, spans in enumerate(lines):
            self.blocks.append(Line(spans, self._containers, "" if number else marker, heading, opens=number == 0))

    def _code(self, token: Token) -> None:
        self._flush_marker()
        content = token.content
        closed = True
        if token.type == "fence" and token.map:
            # markdown-it does not say whether a fence was closed: it was when the lines of the token are more than its
            # opening line and its content.
            count = content.count("\n") + (1 if content and not content.endswith("\n") else 0)
            closed = token.map[1] - token.map[0] - 1 > count
            if token.level == 0:
                self.pieces[-1].fence = token.markup
        language = token.info.split()[0].strip("{}.") if token.info.strip() else ""
        self.blocks.append(Code(content.removesuffix("\n"), language, closed, self._containers))

    def _formula(self, token: Token) -> None:
        if token.meta["open"]:
            marker = self._take_marker()
            for number, line in enumerate(token.content.split("\n")):
                span = (Span(line),) if line else ()
                self.blocks.append(Line(span, self._containers, "" if number else marker, opens=number == 0))
        else:
            self._flush_marker()
            self.blocks.append(Formula(token.content, self._containers))

    def _table(self, at: int) -> int:
        self._flush_marker()
        tokens = self._tokens
        aligns: list[Align] = []
        rows: list[tuple[tuple[Span, ...], ...]] = []
        cells: list[tuple[Span, ...]] = []
        while tokens[at].type != "table_close":
            token = tokens[at]
            if token.type == "tr_open":
                cells = []
            elif token.type == "tr_close":
                rows.append(tuple(cells))
            elif token.type == "th_open":
                style = str(token.attrGet("style") or "")
                aligns.append(cast(Align, style.removeprefix("text-align:") or "left"))
            elif token.type == "inline":
                cells.append(_one_line(token.children or []))
            at += 1
        self.blocks.append(Table(tuple(aligns), tuple(rows), self._containers))
        return at + 1


def _with_checkbox(spans: tuple[Span, ...], marker: str) -> tuple[tuple[Span, ...], str]:
    """The first line of a list item and its marker: a box for an item of a task list (`[ ] …`, `[x] …`)."""
    match = _TASK.match(spans[0].text) if spans and spans[0] == Span(spans[0].text) else None
    if not match:
        return spans, marker
    rest = spans[0].text[match.end() :]
    head = (replace(spans[0], text=rest),) if rest else ()
    return head + spans[1:], "☐" if match[1] == " " else "☑"


def _one_line(children: Sequence[Token]) -> tuple[Span, ...]:
    parts = list(_lines(children))
    joined = list(parts[0]) if parts else []
    for part in parts[1:]:
        joined += [Span(" "), *part]
    return tuple(joined)


def _lines(children: Sequence[Token]) -> Iterator[tuple[Span, ...]]:
    """The spans of each line of a paragraph, from its inline tokens."""
    style = Span("")
    bold = italic = strike = 0
    link = ""
    spans: list[Span] = []
    for child in children:
        match child.type:
            case "softbreak" | "hardbreak":
                yield _merged(spans)
                spans = []
            case "strong_open" | "strong_close":
                bold += child.nesting
            case "em_open" | "em_close":
                italic += child.nesting
            case "s_open" | "s_close":
                strike += child.nesting
            case "link_open":
                link = str(child.attrGet("href") or "")
            case "link_close":
                if not _OPENABLE.match(link):
                    spans.append(replace(style, text=f" ({link})"))
                link = ""
            case "code_inline":
                spans.append(replace(style, text=child.content, code=True))
            case "math_inline":
                spans.append(replace(style, text=" ".join(child.content.split("\n")), math=True))
            case "image":
                spans += _image(child, style)
            case _:
                spans += _linkified(child.content, style)
        style = Span(
            "",
            bold=bold > 0,
            italic=italic > 0,
            strike=strike > 0,
            link=link if _OPENABLE.match(link) else "",
        )
    yield _merged(spans)


def _image(token: Token, style: Span) -> list[Span]:
    address = str(token.attrGet("src") or "")
    spans = [replace(style, text=token.content)] if token.content else []
    address_span = Span(address, link=address if _OPENABLE.match(address) else "")
    return [*spans, replace(style, text=" (" if spans else "("), address_span, replace(style, text=")")]


def _linkified(text: str, style: Span) -> list[Span]:
    if style.link or "://" not in text:
        return [replace(style, text=text)] if text else []
    spans: list[Span] = []
    end = 0
    for match in _BARE_URL.finditer(text):
        # Punctuation behind an address belongs to the sentence, but a bracket that closes one within it does not.
        address = match[0].rstrip(".,;:!?*_~)]")
        if address.count("(") > address.count(")") and text[match.start() + len(address) :].startswith(")"):
            address += ")"
        if len(address) <= len("https://"):
            continue
        spans += [
            replace(style, text=text[end : match.start()]),
            replace(style, text=address, link=address),
        ]
        end = match.start() + len(address)
    spans.append(replace(style, text=text[end:]))
    return [span for span in spans if span.text]


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in spans:
        # Two formulas stay two: each is one object of the document.
        if merged and not span.math and replace(merged[-1], text="") == replace(span, text=""):
            merged[-1] = replace(span, text=merged[-1].text + span.text)
        elif span.text:
            merged.append(span)
    return tuple(merged)
