"""Citations in an answer: `[1]`, `[1, 2]` or `【1】` become links to the passages that have these numbers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from desktop.ui.transcript.markdown.blocks import Block, Line, Span, Table

SCHEME = "source"
"""Of the addresses of these links: `source:1`. Markdown cannot make them, see `parse`."""

_CITATION = re.compile(r"[\[【]\s*\d{1,3}(?:\s*[,，、;；]\s*\d{1,3})*\s*[\]】]")
_NUMBER = re.compile(r"\d+")


def with_citations(blocks: Sequence[Block], numbers: Collection[int]) -> list[Block]:
    """`blocks` with a link for each of `numbers` that is cited in them; code and formulas stay as they are."""
    return [_linked(block, numbers) for block in blocks]


def cited(text: str) -> set[int]:
    """The numbers that a text cites."""
    return {int(number) for match in _CITATION.findall(text) for number in _NUMBER.findall(match)}


def _linked(block: Block, numbers: Collection[int]) -> Block:
    if isinstance(block, Line):
        return replace(block, spans=_spans(block.spans, numbers))
    if isinstance(block, Table):
        return replace(block, rows=tuple(tuple(_spans(cell, numbers) for cell in row) for row in block.rows))
    return block


def _spans(spans: tuple[Span, ...], numbers: Collection[int]) -> tuple[Span, ...]:
    if not any(_CITATION.search(span.text) for span in spans):
        return spans
    return tuple(piece for span in spans for piece in _pieces(span, numbers))


def _pieces(span: Span, numbers: Collection[int]) -> Iterator[Span]:
    if span.code or span.math or span.link:
        yield span
        return
    begin = 0
    for match in _CITATION.finditer(span.text):
        for number in _NUMBER.finditer(match[0]):
            if int(number[0]) not in numbers:
                continue
            start, end = match.start() + number.start(), match.start() + number.end()
            if len(_NUMBER.findall(match[0])) == 1:  # the brackets are easier to hit than a digit
                start, end = match.span()
            if start > begin:
                yield replace(span, text=span.text[begin:start])
            yield replace(span, text=span.text[start:end], link=f"{SCHEME}:{number[0]}")
            begin = end
    if begin < len(span.text):
        yield replace(span, text=span.text[begin:])
