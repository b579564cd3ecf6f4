"""At every moment, streamed Markdown gives the blocks of the whole text so far."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.ui.transcript.markdown.incremental import IncrementalParser
from desktop.ui.transcript.markdown.parse import parse

SNIPPETS = (
    "# Title\n",
    "Setext\n===\n",
    "two lines\nof text\n---\n",
    "para with **bold** and `code` and [link](https://a.b)\n",
    "断句，标点。**重点**在此\n第二行\n",
    "- a\n- b\n- c\n",
    "- loose\n\n- list\n\n  with text\n",
    "* star\n+ plus\n",
    "1. one\n2. two\n3. three\n",
    "7) seven\n8) eight\n",
    " - a\n  - b\n   - c\n    - d\n",
    "- outer\n  - inner\n    1. deep\n\n      text\n",
    "- [ ] open\n- [x] done\n",
    "1. item\n\n   ```py\n   x = 1\n   ```\n2. next\n",
    "> quote\nlazy\n> - in quote\n",
    "> > deep\n\n> other\n",
    "| a | b |\n|:--|--:|\n| 1 | 2 |\n| `x|y` | **z** |\n",
    "a | b\n--|--\n1 | 2\n",
    "```py\nprint('hi')\n\n# no heading\n```\n",
    "~~~\ntilde ``` inside\n~~~\n",
    "````md\n```py\nnested\n```\n````\n",
    "  ```\n  indented fence\n  ```\n",
    "    indented code\n\n    more\n",
    "<div>\nraw <b>html</b>\n</div>\n",
    "<!-- comment\n\nstill -->\n",
    "[ref]: https://example.org 'title'\n",
    "see [ref] and [other][ref]\n",
    "***\n",
    "- - -\n",
    "line\\\nbreak  \nhere\n",
    "**open over\nlines** and `code\nspan`\n",
    "\\* escaped \\# &amp; &copy;\n",
    "-\n- after an empty item\n",
    "-\n\n  text\n",
    "1.\n2. b\n",
    "\n",
    "\n\n",
    "\t- tab\n",
    "x\n" * 30,
    "poem line\n" * 20,
    "2 * 3 = 6 and snake_case_name\n" * 15,
    "|-|\n",
    "===\n",
    "-",
    "`",
    "```",
    "is \\(x_{1,2}\\) and $a_1 * b_1$, $5 or \\$6\n",
    "\\[\na = b\n+ c\n= d\n\\]\n",
    "text\n$$\n\\frac{a}{b}\n$$\nmore\n",
    "$$\nopen\n- x\n\n",
    "\\begin{align}\na &= b \\\\\n- c\n\\end{align}\n",
    "open \\( and\nclosed \\) later\n",
    "- \\[\n  x\n  \\]\n- $$y$$\n",
    "> $$\n> z\n> $$\n",
    "$$a$$ not alone\n",
    "\\[",
    "$$",
    "- a\n      - six\n        more\n\n        of it\n            - deeper\n- b\n",
    "1. a\n\n        - eight\n          ```\n          x\n          ```\n",
    "      - no list before\n",
    "      - ",
    "        text\n",
    "~~gone~~ ![alt](http://x/y.png) https://bare.url/a_b.\n",
)


def stream(text: str, sizes: list[int]) -> None:
    parser = IncrementalParser()
    shown: list[object] = []
    at = turn = 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        keep = parser.feed(text[at : at + size])
        at, turn = min(len(text), at + size), turn + 1
        shown = [*shown[:keep], *parser.blocks[keep:]]
        assert parser.blocks == parse(text[:at])
        # A view that only replaces the blocks from `keep` on shows the same.
        assert shown == parser.blocks
    assert parser.source == text


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from(SNIPPETS), min_size=1, max_size=7).map("".join),
    st.lists(st.integers(1, 12), min_size=1, max_size=8),
)
def test_streamed_snippets_equal_the_whole(text: str, sizes: list[int]) -> None:
    stream(text, sizes)


@settings(max_examples=120, deadline=None)
@given(st.text(alphabet="ab1 中。*_~`[]()!<>#-+=|:$$\\\\\n\n\n\t.", max_size=120), st.integers(1, 5))
def test_streamed_noise_equals_the_whole(text: str, size: int) -> None:
    stream(text, [size])


@pytest.mark.parametrize(
    "text",
    [
        "```py\n  x\n \n    y\n",  # spaces at the end of an open fence
        "x\n" * 20 + "===\n",  # a long paragraph that proves to be a heading
        "[a]\n\ntext\n\n- [a]\n\n[a]: https://x.y\n",  # a definition that changes text above it
        "| a |\n|--|\n" + "| `b` |\n" * 9 + "\ntext",
        "```a | b\n--|--\n1 | 2\n",  # a table has precedence over a fence
        "- x\n- y\n- a | b\n--|--\n- c\n- d\n",  # but not over an item that continues a list
        "1. a\n" * 9 + "\n   more\n\n2) other\n",
    ],
)
def test_streamed_edge_cases_equal_the_whole(text: str) -> None:
    for size in (1, 2, 7):
        stream(text, [size])


@pytest.mark.parametrize("kind", ["text **bold**\n\n", "- item `x`\n", "9. item\n\n", "| a |\n", "line of a poem\n"])
def test_only_the_end_is_parsed_again(kind: str) -> None:
    parser = IncrementalParser()
    parser.feed("| a |\n|--|\n" if kind.startswith("|") else "")
    longest = 0
    for _ in range(500):
        parser.feed(kind)
        longest = max(longest, parser.tail_length)
    assert longest < 20 * len(kind)
    assert parser.blocks == parse(parser.source)


@pytest.mark.parametrize("number", range(6))
def test_long_mixed_documents(number: int) -> None:
    chance = random.Random(number)
    text = "".join(chance.choice(SNIPPETS) + chance.choice(("", "\n")) for _ in range(40))
    stream(text, [chance.randint(1, 40) for _ in range(20)])
