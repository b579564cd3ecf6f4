"""A comparison as a file: Markdown, or an HTML page that needs nothing else and can load nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.durable import write_text
from belle.report.html import render_sealed
from desktop.compare.differences import WordDifference

_TEMPLATE = Path(__file__).with_name("page.html.j2")


@dataclass(frozen=True, slots=True)
class ComparedAnswer:
    """An answer as a page shows it: the model's name, its figures in words, the text."""

    model: str
    figures: str
    text: str


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """What is exported. The texts besides the answers are in the language of the window.

    Attributes:
        language: of the page, such as `zh-CN`.
        title: of the page; `summary` says how many places differ, and where the first one is.
        differences: heading of the list of them; `nothing` stands where a side has no words.
    """

    language: str
    title: str
    question: str
    summary: str
    left: ComparedAnswer
    right: ComparedAnswer
    differences: tuple[WordDifference, ...]
    differences_title: str
    nothing: str


def write_page(page: ComparisonPage, path: Path) -> None:
    """Write a comparison, as HTML or Markdown by the ending of `path`. Raises KnownError."""
    write_text(path, html(page) if path.suffix.lower() in (".html", ".htm") else markdown(page))


def markdown(page: ComparisonPage) -> str:
    """Both answers as they are, one after the other, and a list of what differs."""
    question = "\n".join(f"> {line}" for line in page.question.splitlines())
    parts = [f"# {page.title}", question, page.summary]
    for answer in (page.left, page.right):
        parts += [f"## {answer.model}", answer.figures, answer.text.strip()]
    if page.differences:
        parts += [f"## {page.differences_title}", "\n".join(_table(page))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(page: ComparisonPage) -> Iterator[str]:
    yield f"| {_cell(page.left.model, '')} | {_cell(page.right.model, '')} |"
    yield "|:--|:--|"
    for one in page.differences:
        left = _cell(page.left.text[one.left_start : one.left_end], page.nothing)
        right = _cell(page.right.text[one.right_start : one.right_end], page.nothing)
        yield f"| {left} | {right} |"


def _cell(text: str, nothing: str) -> str:
    shown = re.sub(r"([\\|`*_<\[])", r"\\\1", " ".join(text.split()))
    return shown or nothing


def html(page: ComparisonPage) -> str:
    """Both answers side by side, with the words marked that differ."""
    found = page.differences
    sides = [
        (page.left, _pieces(page.left.text, [(one.left_start, one.left_end) for one in found])),
        (page.right, _pieces(page.right.text, [(one.right_start, one.right_end) for one in found])),
    ]
    return render_sealed(_TEMPLATE, language=page.language, page=page, sides=sides)


def _pieces(text: str, marks: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is marked."""
    pieces, at = [], 0
    for start, end in marks:
        pieces += [(text[at:start], False), (text[start:end], True)]
        at = end
    return [piece for piece in [*pieces, (text[at:], False)] if piece[0]]
