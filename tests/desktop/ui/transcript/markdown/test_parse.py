"""How Markdown is parsed where CommonMark leaves a choice, or where this differs from it."""

from __future__ import annotations

import pytest

from desktop.ui.transcript.markdown.blocks import Code, Line, Span, Table, ThematicBreak, plain_text
from desktop.ui.transcript.markdown.parse import parse


def texts(source: str) -> list[str]:
    return [plain_text(b.spans) if isinstance(b, Line) else type(b).__name__ for b in parse(source)]


def test_a_line_break_in_the_text_is_a_line_break_on_the_page() -> None:
    assert parse("我是一场春雨，\n在你脸上跳跃。") == [
        Line((Span("我是一场春雨，"),)),
        Line((Span("在你脸上跳跃。"),), opens=False),
    ]


def test_raw_html_is_text() -> None:
    assert texts("<script>alert(1)</script>\n\na <b>word</b>") == [
        "<script>alert(1)</script>",
        "a <b>word</b>",
    ]


def test_images_are_described_never_loaded() -> None:
    (line,) = parse("![a cat](http://example.org/cat.png)")
    assert plain_text(line.spans) == "a cat (http://example.org/cat.png)"
    (line,) = parse("![](file:///etc/passwd)")
    assert plain_text(line.spans).count("passwd") == 1
    assert not any(span.link for span in line.spans)


@pytest.mark.parametrize("address", ["https://a.b/c", "http://a.b", "mailto:a@b.c", "HTTPS://A.B"])
def test_web_and_mail_addresses_are_links(address: str) -> None:
    (line,) = parse(f"[word]({address})")
    assert [(s.text, s.link.lower()) for s in line.spans] == [("word", address.lower())]


@pytest.mark.parametrize("address", ["ftp://a.b", "smb://host/share", "app:run", "relative/path"])
def test_other_addresses_are_shown_as_text(address: str) -> None:
    (line,) = parse(f"[word]({address})")
    assert plain_text(line.spans) == f"word ({address})"
    assert not any(span.link for span in line.spans)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x"])
def test_dangerous_addresses_are_not_links(address: str) -> None:
    (line,) = parse(f"[word]({address})")
    assert not any(span.link for span in line.spans)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://example.org/a_b.", "https://example.org/a_b"),
        ("（https://example.org/页）。", "https://example.org/页"),
        ("https://en.wikipedia.org/wiki/Belle_(film) is", "https://en.wikipedia.org/wiki/Belle_(film)"),
        ("**https://example.org**", "https://example.org"),
    ],
)
def test_bare_addresses_are_links(text: str, address: str) -> None:
    (line,) = parse(text)
    assert [s.link for s in line.spans if s.link] == [address]


def test_no_address_in_bare_scheme_or_code() -> None:
    lines = parse("https:// and `https://a.b`")
    assert not any(span.link for line in lines for span in line.spans)


def test_list_markers() -> None:
    source = "- a\n  - b\n    - c\n- [ ] open\n- [x] done\n\n3. three\n4. four"
    assert [b.marker for b in parse(source)] == ["•", "◦", "▪", "☐", "☑", "3.", "4."]


def test_an_item_that_begins_with_code_or_nothing_still_has_its_bullet() -> None:
    assert [(type(b), getattr(b, "marker", "")) for b in parse("- ```\n  x\n  ```\n-\n- - deep")] == [
        (Line, "•"),
        (Code, ""),
        (Line, "•"),
        (Line, "•"),
        (Line, "◦"),
    ]


def test_code_knows_its_language_and_whether_it_is_open() -> None:
    assert parse("```python title=x\na\n\nb\n```") == [Code("a\n\nb", "python")]
    assert parse("```python\na") == [Code("a", "python", closed=False)]
    assert parse("> ```\n> a\n> ```") == [Code("a", containers=("quote",))]
    assert parse("> ```\n> a") == [Code("a", closed=False, containers=("quote",))]


def test_a_table() -> None:
    (table,) = parse("| a | b | c |\n|:--|:-:|--:|\n| 1 | **2** |")
    assert isinstance(table, Table)
    assert table.aligns == ("left", "center", "right")
    assert table.rows[1] == ((Span("1"),), (Span("2", bold=True),), ())


def test_containers_and_rules() -> None:
    assert [(type(b), b.containers) for b in parse("> - a\n>\n>   b\n\n---")] == [
        (Line, ("quote", "item")),
        (Line, ("quote", "item")),
        (ThematicBreak, ()),
    ]


def test_characters_with_a_meaning_in_qtextdocument_are_replaced() -> None:
    (line,) = parse("a\u2029b\ufdd0c\ud800d")
    assert plain_text(line.spans) == "a b\ufffdc\ufffdd"


@pytest.mark.parametrize(
    ("text", "depths"),
    [
        ("- a\n      - six\n      - more\n            - deep\n- b", [1, 2, 2, 3, 1]),
        ("- a\n\n      - six\n\n      - more", [1, 2, 2]),
        ("* **a**\n    * four\n        * eight", [1, 2, 3]),
        ("1. one\n        - eight\n2. two", [1, 2, 1]),
        ("- a\n        1. n\n        2. m\n- b", [1, 2, 2, 1]),
        ("- a\n\t- tab\n\t\t- two tabs", [1, 2, 3]),
        ("- a\n      - x\n        goes on\n\n        and on", [1, 2, 2, 2]),
    ],
)
def test_lists_that_are_nested_by_many_spaces_are_lists(text: str, depths: list[int]) -> None:
    blocks = parse(text)
    assert all(isinstance(block, Line) for block in blocks)
    assert [len(block.containers) for block in blocks] == depths


@pytest.mark.parametrize("text", ["    - code\n", "- a\n\n      not a bullet", "- a\n  ```\n        - code\n  ```\n"])
def test_code_that_looks_like_a_list_stays_code(text: str) -> None:
    assert isinstance(parse(text)[-1], Code)


@pytest.mark.parametrize("depth", [5, 19, 20, 39, 40, 41, 200])
@pytest.mark.parametrize("kind", ["quotes", "bullets in a line", "bullets", "numbers", "both"])
def test_nothing_is_lost_however_deep_it_is_nested(kind: str, depth: int) -> None:
    source = {
        "quotes": "> " * depth + "deep",
        "bullets in a line": "- " * depth + "deep",
        "bullets": "".join("  " * at + f"- level {at}\n" for at in range(depth)) + "  " * depth + "deep",
        "numbers": "".join("   " * at + f"1. level {at}\n\n" for at in range(depth)) + "   " * depth + "deep",
        "both": "> - " * depth + "deep",
    }[kind]
    shown = " ".join(texts(source + "\n\nafter"))
    assert "deep" in shown
    assert "after" in shown
    if "level" in source:
        assert all(f"level {at}" in shown for at in range(depth))
