"""Reads text files: plain text, Markdown, and source code, in UTF-8, UTF-16 or GB 18030."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from desktop.documents.blocks import DocumentBlock, unreadable

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx", ".qmd", ".rmd"})

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CHINESE = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")
_LONGEST_HEADING = 200
"""Characters."""


def read_text(path: Path, content: bytes) -> Iterator[DocumentBlock]:
    """The paragraphs of a text file. Raises KnownError `not_text`."""
    text = decode(path, content)
    is_markdown = path.suffix.lower() in MARKDOWN_SUFFIXES
    heading, fence = "", ""
    lines: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), 1):
        opening = _FENCE.match(line) if is_markdown else None
        if opening is not None and (not fence or opening[1].startswith(fence)):
            fence = "" if fence else opening[1]
        title = _HEADING.match(line) if is_markdown and not fence else None
        if (not line.strip() or title is not None) and lines:
            yield DocumentBlock("\n".join(lines), line=first, heading=heading)
            lines = []
        if title is not None:
            heading = title[1][:_LONGEST_HEADING]
        if line.strip():
            first = first if lines else number
            lines.append(line.rstrip())
    if lines:
        yield DocumentBlock("\n".join(lines), line=first, heading=heading)


def decode(path: Path, content: bytes) -> str:
    """The text of a file in whatever encoding it is. Raises KnownError `not_text` for what is no text."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                break
    if b"\0" in content:
        raise unreadable("not_text", path, "is not a text file", "Save it as text, or remove it from the folder.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    # GB 18030 gives meaning to most bytes: only a text that turns out Chinese was written in it.
    chinese = content.decode("gb18030", "replace")
    if "\ufffd" not in chinese and len(_CHINESE.findall(chinese)) * 4 >= sum(not c.isascii() for c in chinese) * 3:
        return chinese
    return content.decode("cp1252", "replace")
