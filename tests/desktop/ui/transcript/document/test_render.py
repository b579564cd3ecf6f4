"""A document that grew at its end equals one that was made at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QTextCursor, QTextDocument

from desktop.ui.style.theme import Theme
from desktop.ui.transcript.document.render import DocumentRenderer
from desktop.ui.transcript.document.selection import selected_text
from desktop.ui.transcript.document.style import Style
from desktop.ui.transcript.markdown.incremental import IncrementalParser
from desktop.ui.transcript.markdown.parse import parse

PARTS = (
    "# 标题 *one*\n\n",
    "para with **bold** `code` 😀 and [link](https://a.b)\n",
    "- a\n- b\n  1. c\n\n",
    "> quote\n\n",
    "```py\nx = 1\n\ny = 2\n```\n",
    "| a | b |\n|--|--|\n| 1 | **2** |\n| 3 | 4 |\n\n",
    "---\n",
    "\n",
)


def described(document: QTextDocument) -> list[tuple[object, ...]]:
    """Everything that is visible of a document."""
    blocks = []
    block = document.begin()
    while block.isValid():
        block_format = block.blockFormat()
        spans = []
        for part in block:
            fragment = part.fragment()
            chars = fragment.charFormat()
            spans.append(
                (fragment.text(), chars.font().toString(), chars.foreground().color().name(), chars.anchorHref())
            )
        table = QTextCursor(block).currentTable()
        table_size = (table.rows(), table.columns()) if table else None
        margins = (
            block_format.topMargin(),
            block_format.leftMargin(),
            block_format.textIndent(),
            block_format.lineHeight(),
        )
        blocks.append((block.text(), margins, block_format.alignment(), table_size, spans))
        block = block.next()
    return blocks


def document_of(source: str) -> QTextDocument:
    document = QTextDocument()
    DocumentRenderer(document, Style(Theme("light", 1.0), chinese=False)).show(parse(source))
    return document


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join), st.integers(1, 9))
def test_growing_equals_making_at_once(qapp, source: str, size: int) -> None:
    document = QTextDocument()
    renderer = DocumentRenderer(document, Style(Theme("light", 1.0), chinese=False))
    parser = IncrementalParser()
    for at in range(0, len(source), size):
        first = parser.feed(source[at : at + size])
        renderer.show(parser.blocks, first)
        assert len(renderer.starts) == len(renderer.blocks) == len(parser.blocks)
    document.setTextWidth(600)
    whole = document_of(source)
    whole.setTextWidth(600)
    assert described(document) == described(whole)
    assert document.size() == whole.size()


def test_a_selection_above_survives_growth(qapp) -> None:
    document = QTextDocument()
    renderer = DocumentRenderer(document, Style(Theme("light", 1.0), chinese=False))
    parser = IncrementalParser()
    first = parser.feed("first words of a para")
    renderer.show(parser.blocks, first)
    reader = QTextCursor(document)
    reader.setPosition(6)
    reader.setPosition(11, QTextCursor.MoveMode.KeepAnchor)
    for piece in ("graph, **bol", "d**\n\n```\nco", "de\n```\n| a |\n|--|\n", "| b |\n"):
        first = parser.feed(piece)
        renderer.show(parser.blocks, first)
    assert reader.selectedText() == "words"


@pytest.mark.parametrize(
    ("source", "copied"),
    [
        ("- a\n- b\n\n7. c", "• a\n• b\n7. c"),
        ("a\n\n| x | y |\n|--|--|\n| 1 | 2 |\n\nb", "a\nx\ty\n1\t2\nb"),
        ("```py\nif x:\n\ty = 1\n```", "if x:\n\ty = 1"),
        ("a\n\n---\n\n😀 b", "a\n😀 b"),
    ],
)
def test_what_is_copied_looks_like_the_page(qapp, source: str, copied: str) -> None:
    document = document_of(source)
    cursor = QTextCursor(document)
    cursor.select(QTextCursor.SelectionType.Document)
    assert selected_text(cursor) == copied


def test_a_part_of_a_line_is_copied_exactly(qapp) -> None:
    document = document_of("ab😀cd")
    cursor = QTextCursor(document)
    cursor.setPosition(1)
    cursor.setPosition(5, QTextCursor.MoveMode.KeepAnchor)
    assert selected_text(cursor) == "b😀c"
