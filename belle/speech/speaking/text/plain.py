"""Markdown → the paragraphs that a person would read aloud: no code, no formulas, no addresses, no raw HTML.

The text of a paragraph is that which a reader of the page sees, so that a sentence of it can be found there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_MAX_NESTING = 40
_DISPLAYED_FORMULA = re.compile(r"\$\$.+?\$\$|\\\[.+?\\\]", re.DOTALL)
_FORMULA = re.compile(r"\\\((.+?)\\\)|(?<![\w$])\$(?=\S)([^$\n]+?)(?<=\S)\$(?![\w$])")
_SIMPLE = re.compile(r"[\w\s.,=+\-*/^%()<>]+")
_TASK = re.compile(r"^\[[ xX]\] +")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def paragraphs(markdown: str) -> list[str]:
    """The paragraphs, headings, items and rows of tables, in order. A line break within one is a line break."""
    tokens = _parser().parse(_DISPLAYED_FORMULA.sub("\n\n", markdown))
    return [text for text in map(str.strip, _texts(tokens)) if text]


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    row: list[str] | None = None
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "tr_close" and row is not None:
            yield "，".join(cell for cell in row if cell)
            row = None
        elif token.type == "inline":
            text = _inline(token.children or ())
            if row is None:
                yield text
            else:
                row.append(text.strip())


def _inline(tokens: Sequence[Token]) -> str:
    """The text of a line: that of links without their addresses, a picture's description."""
    parts = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(_inline(token.children or ()))
    return _FORMULA.sub(_formula, _TAG.sub("", _TASK.sub("", "".join(parts))))


def _formula(match: re.Match[str]) -> str:
    """A formula of letters, numbers and plain signs is read; any other one is left out."""
    content = match[1] or match[2]
    return content if _SIMPLE.fullmatch(content) else ""


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
