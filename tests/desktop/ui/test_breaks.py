"""Whatever the text, its layout has a break opportunity within a bounded run, and the text can be restored from it."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QTextBoundaryFinder

import desktop
from desktop.ui.breaks import BREAK, EVERY, FIRST, LATITUDE, break_positions, cut_positions, without_breaks
from desktop.ui.transcript.markdown.blocks import Span, breakable, plain_text

NASTY = st.text(alphabet='aé中、“"）(\u0301\u200b\u200d\u00a0\u2060🇩🏽👩ﷺ한ᅡッー', max_size=40)
LONG = st.builds(
    lambda parts, times: "".join(p * n for p, n in zip(parts, times, strict=False)),
    st.lists(NASTY, min_size=1, max_size=4),
    st.lists(st.integers(1, 60), min_size=4, max_size=4),
)


def with_breaks(text: str) -> str:
    """`text` as the transcript lays it out."""
    return plain_text(breakable((Span(text),)))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=300), st.text(alphabet="ก็a\u200b", max_size=300), LONG))
def test_the_text_comes_back_as_it_was(text: str) -> None:
    assert without_breaks(with_breaks(text)) == text


@settings(max_examples=200, deadline=None)
@given(LONG)
def test_no_run_is_longer_than_the_bound(text: str) -> None:
    shown = with_breaks(text)
    finder = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Line, shown)
    units = shown.encode("utf-16-le")
    last = 0
    while (at := finder.toNextBoundary()) >= 0:
        run = units[last * 2 : at * 2].decode("utf-16-le", "replace")
        # Qt also breaks after every space; spaces without width fill no line.
        assert max(map(len, run.replace(BREAK, "").split(" "))) <= FIRST + LATITUDE + EVERY + 1
        last = at


@settings(max_examples=200, deadline=None)
@given(LONG, st.data())
def test_what_is_laid_out_only_grows_at_its_end(text: str, data: st.DataObject) -> None:
    begun = text[: data.draw(st.integers(0, len(text)))]
    assert with_breaks(text).startswith(with_breaks(begun))


@settings(max_examples=100, deadline=None)
@given(LONG.filter(lambda text: BREAK not in text), st.data())
def test_a_text_is_cut_into_bounded_pieces_and_grows_at_its_end(text: str, data: st.DataObject) -> None:
    cuts = [0, *cut_positions(text, 50), len(text)]
    assert all(50 <= b - a <= 50 + LATITUDE for a, b in pairwise(cuts[:-1]))
    assert cuts[-1] - cuts[-2] <= 50 + LATITUDE
    begun = text[: data.draw(st.integers(0, len(text)))]
    assert cut_positions(begun, 50) == [cut for cut in cuts[1:-1] if cut < len(begun)]


@settings(max_examples=200, deadline=None)
@given(LONG)
def test_where_a_line_may_end_anyway_no_break_is_needed(text: str) -> None:
    wide = re.compile("(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])")
    apart = [0, *(found.start() for found in wide.finditer(text)), len(text)]
    for begin, end in pairwise(apart):
        if end - begin <= FIRST:
            assert not [at for at in break_positions(text) if begin < at < end]


@pytest.mark.parametrize(
    "text",
    [
        "An ordinary sentence of English, with a https://example.org/address?and=query in it. " * 20,
        "断句之处自有标点，不在行首出现；长段落也不加任何东西。" * 40,
        "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 20,
        "한국어는 띄어쓰기가 있다. " * 30,
    ],
)
def test_ordinary_text_is_laid_out_as_it_is(text: str) -> None:
    assert with_breaks(text) == text


def test_an_accent_stays_with_its_letter() -> None:
    text = "e\u0301" * 300
    assert break_positions(text)
    assert not any(unicodedata.combining(text[at]) for at in break_positions(text))


def test_a_family_of_emoji_is_not_torn_apart() -> None:
    family = "👩\u200d👩\u200d👧"
    text = family * 60
    assert break_positions(text)
    assert all(at % len(family) == 0 for at in break_positions(text))


def test_breaks_are_close_enough_to_fill_a_line() -> None:
    assert max(map(len, with_breaks("a" * 1000).split(BREAK)[1:])) <= EVERY


def test_every_field_that_shows_foreign_text_ends_its_lines_in_time() -> None:
    root = Path(next(iter(desktop.__path__)))
    made = re.compile(r"= QPlainTextEdit\(|\(QPlainTextEdit\):")
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if made.search(text):
            assert text.count("LongWords(") >= len(made.findall(text)), path.name
