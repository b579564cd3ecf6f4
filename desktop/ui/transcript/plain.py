"""What a person wrote, shown as it was written: line by line, with only fenced code drawn as code.

Markdown would eat the stars and underscores that people type and mean; and it would take long over a pasted book.
"""

from __future__ import annotations

import re

from desktop.ui.transcript.blocks import Block, Code, Line, Span, normalize

_OPENING = re.compile(r"(`{3,}|~{3,})[ \t]*([^`\s]*)[^`]*")


def parse_plain(text: str) -> list[Block]:
    """The blocks of a message as it was typed."""
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
