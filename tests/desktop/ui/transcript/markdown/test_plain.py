"""A question is shown as it was typed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.transcript.markdown.blocks import Code, Line, plain_text
from desktop.ui.transcript.markdown.content import Content, first_lines, parse_plain
from desktop.ui.transcript.markdown.parse import parse


def test_markdown_characters_stay() -> None:
    (line,) = parse_plain("2 * 3 * 4 and __init__ and # no heading")
    assert plain_text(line.spans) == "2 * 3 * 4 and __init__ and # no heading"


def test_fenced_code_is_code() -> None:
    assert parse_plain("look:\n```py\nx = 1\n```\nwhy?")[1] == Code("x = 1", "py")


def test_an_open_fence_is_text() -> None:
    assert all(isinstance(block, Line) for block in parse_plain("```py\nx = 1"))


@given(st.text(alphabet="ab *_`\n#", max_size=60).filter(lambda t: "```" not in t))
def test_every_line_is_shown(text: str) -> None:
    lines = [plain_text(block.spans) for block in parse_plain(text) if isinstance(block, Line)]
    assert [line for line in lines if line] == [line for line in text.split("\n") if line.strip()]


def test_a_very_long_question_is_folded_and_unfolded() -> None:
    content = Content("user")
    content.set_text("\n".join(f"line {n}" for n in range(500)), fold=True)
    assert content.folded
    assert [plain_text(b.spans) for b in content.blocks] == [f"line {n}" for n in range(40)]
    assert content.lines == 500
    content.unfold()
    assert len(content.blocks) == 500


def test_first_lines_cuts_code_and_tables() -> None:
    content = Content("assistant")
    content.set_text("one\n\n```\n" + "x\n" * 50 + "```\n\nlast")
    shown = first_lines(content.blocks, 10)
    assert len(shown) == 2
    assert isinstance(shown[1], Code)
    assert shown[1].text.count("\n") == 8


@given(
    st.lists(st.sampled_from(("| a | b |\n|--|--|\n", "| 1 | 2 |\n", "| 1 | 2 |", "\n", "text\n")), max_size=8),
    st.integers(1, 11),
)
def test_a_growing_table_shows_complete_rows_and_in_the_end_all(parts: list[str], size: int) -> None:
    text = "".join(parts)
    content = Content("assistant")
    content.growing = True
    shown: list[object] = []
    for at in range(0, len(text), size):
        first = content.append(text[at : at + size])
        shown = [*shown[:first], *content.blocks[first:]]
        assert shown == list(content.blocks)
    content.growing = False
    assert list(content.blocks) == parse(text)


def test_a_folded_answer_that_grows_is_unfolded() -> None:
    content = Content("assistant")
    content.set_text("line\n\n" * 600, fold=True)
    assert content.folded
    assert content.append("more") == 0
    assert len(content.blocks) == 601
