"""Splits a document into passages of about 250 tokens: what is found as a whole, and handed to a model as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from desktop.documents.blocks import DocumentBlock

PASSAGE_TOKENS = 250
"""About as many as a passage has; a new one begins where the next paragraph would make it longer."""

LONGEST_PASSAGE = 300
"""Tokens. A paragraph that is longer is split, at the end of a sentence where there is one."""

# Per token: one Chinese, Japanese or Korean character, or four other characters. Tokenizers differ; both are on the
# careful side for those of today's models, and the engine counts exactly before anything is sent.
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_CHARACTERS_PER_TOKEN = 4

_SENTENCE = re.compile(r"(?<=[。！？；])|(?<=[.!?;])\s+|\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, and where it stands (see `DocumentBlock`)."""

    text: str
    page: int | None = None
    line: int | None = None
    heading: str = ""


def approximate_tokens(text: str) -> int:
    """About how many tokens a text takes."""
    wide = len(_WIDE.findall(text))
    return wide + -(-(len(text) - wide) // _CHARACTERS_PER_TOKEN)


def split(blocks: Iterable[DocumentBlock]) -> Iterator[Passage]:
    """The passages of a document. None of them reaches over the end of a page or the next heading."""
    open_blocks: list[DocumentBlock] = []
    length = 0
    for block in (piece for whole in blocks for piece in _pieces(whole)):
        tokens = approximate_tokens(block.text)
        if open_blocks and (_place(block) != _place(open_blocks[0]) or length + tokens > PASSAGE_TOKENS):
            yield _joined(open_blocks)
            open_blocks, length = [], 0
        open_blocks.append(block)
        length += tokens
    if open_blocks:
        yield _joined(open_blocks)


def _place(block: DocumentBlock) -> tuple[int | None, str]:
    return block.page, block.heading


def _joined(blocks: list[DocumentBlock]) -> Passage:
    first = blocks[0]
    return Passage("\n".join(block.text for block in blocks), first.page, first.line, first.heading)


def _pieces(block: DocumentBlock) -> Iterator[DocumentBlock]:
    """A block that is too long for one passage in pieces that are not."""
    if approximate_tokens(block.text) <= LONGEST_PASSAGE:
        yield block
        return
    text, begin = "", 0
    for start, end in _sentences(block.text):
        if text and approximate_tokens(block.text[begin:end]) > PASSAGE_TOKENS:
            yield _piece(block, begin, text)
            begin = start
        text = block.text[begin:end]
    yield _piece(block, begin, text)


def _piece(block: DocumentBlock, begin: int, text: str) -> DocumentBlock:
    line = None if block.line is None else block.line + block.text.count("\n", 0, begin)
    return DocumentBlock(text.strip("\n"), block.page, line, block.heading)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each sentence; one without an end in sight is cut."""
    begin = 0
    for end in (*(match.end() for match in _SENTENCE.finditer(text)), len(text)):
        while end - begin > PASSAGE_TOKENS:  # in characters: at least as many as tokens
            space = text.rfind(" ", begin, begin + PASSAGE_TOKENS) + 1
            cut = space if space > begin else begin + PASSAGE_TOKENS
            yield begin, cut
            begin = cut
        if end > begin:
            yield begin, end
            begin = end
