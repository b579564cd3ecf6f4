"""The line that shows a hit."""

from __future__ import annotations

from desktop.store.query import parse_query, snippet


def marked(text: str, query: str) -> str:
    line, ranges = snippet(text, parse_query(query))
    for start, end in reversed(ranges):
        line = f"{line[:start]}[{line[start:end]}]{line[end:]}"
    return line


def test_every_word_is_marked_and_overlaps_are_one() -> None:
    assert marked("one two one", "ONE") == "[one] two [one]"
    assert marked("abcabc", "abc bca") == "[abcabc]"
    assert marked("北京的天气", "天气 北京") == "[北京]的[天气]"


def test_white_space_is_folded() -> None:
    assert marked("  a\n\n\tb   c\u3000d ", "b") == "a [b] c d"


def test_it_begins_a_little_before_the_first_hit_and_ends_somewhat_after() -> None:
    line, ranges = snippet("0123456789" * 100 + "needle" + "0123456789" * 100, parse_query("needle"))
    assert line.startswith("…6789")
    assert line.endswith("…")
    assert ranges == [(15, 21)]
    assert 100 < len(line) < 140


def test_what_is_only_white_space_is_not_left_out_with_a_sign() -> None:
    assert marked(" " * 500 + "hit" + "\n" * 500, "hit") == "[hit]"


def test_a_sign_of_leaving_out_is_no_hit() -> None:
    assert marked("x" * 50 + "…" + "y" * 500, "…") == "…" + "x" * 14 + "[…]" + "y" * 105 + "…"


def test_a_word_longer_than_a_line_is_shown_whole() -> None:
    line, ranges = snippet("a" * 300, parse_query("a" * 200))
    assert ranges == [(0, 200)]
    assert line == "a" * 200 + "…"
