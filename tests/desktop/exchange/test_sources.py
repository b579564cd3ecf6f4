"""The passages that an answer was made from go along in every export."""

from __future__ import annotations

import json

from desktop.documents.cited import KEY, CitedPassage
from desktop.exchange.html_page import html_page, print_page
from desktop.exchange.markdown_text import markdown
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree, TreeMessage

SOURCES = [CitedPassage(1, "a_b.pdf", "text", page=3), CitedPassage(2, "<b>.md", "text", line=7, heading="Roses")]
TREE = ConversationTree(
    messages=(
        TreeMessage(None, "user", "When?"),
        TreeMessage(
            0,
            "assistant",
            "At nine [1].",
            stats=json.loads(json.dumps({KEY: {"folder": "/x", "sources": [source.fields for source in SOURCES]}})),
        ),
    ),
    active_leaf=1,
)


def test_markdown_lists_the_places_of_the_passages_and_no_markup_of_theirs() -> None:
    text = markdown(TREE, ExportWords())
    assert "*From these passages*\n\n- \\[1\\] a\\_b.pdf · page 3\n- \\[2\\] \\<b\\>.md · line 7 · Roses\n" in text


def test_pages_list_the_places_of_the_passages_and_no_markup_of_theirs() -> None:
    for page in (html_page([TREE], ExportWords()), print_page([TREE], ExportWords())):
        assert "From these passages<br>[1] a_b.pdf · page 3<br>[2] &lt;b&gt;.md · line 7 · Roses" in page
