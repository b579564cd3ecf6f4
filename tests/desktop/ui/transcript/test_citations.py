"""Citations become links, where there is a passage with their number."""

from __future__ import annotations

import pytest

from desktop.ui.transcript.markdown.blocks import Line, Table
from desktop.ui.transcript.markdown.citations import cited, with_citations
from desktop.ui.transcript.markdown.parse import parse

CITATIONS = {
    "Yes [1].": [("[1]", "source:1")],
    "Yes [1][2], and [3].": [("[1]", "source:1"), ("[2]", "source:2"), ("[3]", "source:3")],
    "Yes [1, 3].": [("1", "source:1"), ("3", "source:3")],
    "是的【2】。": [("【2】", "source:2")],
    "**Yes [1]**": [("[1]", "source:1")],
    "- item [2]": [("[2]", "source:2")],
    "No [4], [0] or [x], 1, (1).": [],
    "`a[1]` and\n\n```\na[1]\n```": [],
    "[1](https://example.org)": [("1", "https://example.org")],
    "[x](source:1)": [],
    "# Heading [1]": [("[1]", "source:1")],
}


@pytest.mark.parametrize("text", CITATIONS)
def test_a_citation_is_a_link_to_its_passage(text: str) -> None:
    blocks = with_citations(parse(text), {1, 2, 3})
    spans = [span for block in blocks if isinstance(block, Line) for span in block.spans]
    assert [(span.text, span.link) for span in spans if span.link] == CITATIONS[text]
    plain = [span for block in parse(text) if isinstance(block, Line) for span in block.spans]
    assert "".join(span.text for span in spans) == "".join(span.text for span in plain)


def test_a_citation_in_a_table_is_a_link() -> None:
    (table,) = with_citations(parse("| a | b |\n|---|---|\n| x [1] | y |"), {1})
    assert isinstance(table, Table)
    assert table.rows[1][0][1].link == "source:1"


def test_the_numbers_that_a_text_cites_are_known() -> None:
    assert cited("One [1], [2, 3]【4】 and [12345] [a5].") == {1, 2, 3, 4}
