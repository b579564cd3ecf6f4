from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.chat.titles import MAX_COLUMNS, _columns, title_of


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Hello", "Hello"),
        ("Write a poem about spring rain. Make it short.", "Write a poem about spring rain"),
        ("请把下面的诗翻译成英文：春眠不觉晓，处处闻啼鸟。", "请把下面的诗翻译成英文"),
        ("什么是二分查找？请举例说明。", "什么是二分查找"),
        ("# Title\n\nbody", "Title"),
        ("- **bold** point", "bold point"),
        ("```python\nprint(1)\n```\nWhat does this print?", "What does this print"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("pi is 3.14159 roughly, tell me more", "pi is 3.14159 roughly, tell me more"),
        ("e.g. this one", "e.g. this one"),
        ("i.e. that. Then more.", "i.e. that"),
        ("3.14159 is what?", "3.14159 is what"),
        ("1984 is a book. True?", "1984 is a book"),
        ("-5 is less than 3?", "-5 is less than 3"),
        ("Mr. Smith vs. Dr. No. Who wins?", "Mr. Smith vs. Dr. No. Who wins"),
        ("Use etc. and so on. Next.", "Use etc. and so on"),
        ("What does v1.2.3 of .NET change?", "What does v1.2.3 of .NET change"),
        ("my_var_name is what?", "my_var_name is what"),
        ("https://a.b/c?d=e what is this?", "https://a.b/c?d=e what is this"),
        ("1. first item\n2. second", "first item"),
        ("- [ ] buy milk", "buy milk"),
        ("> > quoted", "quoted"),
        ("#hashtag is what?", "#hashtag is what"),
        ("?!…", ""),
        ("", ""),
        ("   \n\n  ", ""),
    ],
)
def test_title_of_a_first_question(question: str, title: str) -> None:
    assert title_of(question) == title


@pytest.mark.parametrize(
    "unseen", ["\x00", "\x1b", "\x07", "\x7f", "\x9b", "\u202e", "\u2067", "\u200f", "\ufeff", "\ufffd"]
)
def test_what_is_not_to_be_seen_is_not_in_a_title(unseen: str) -> None:
    assert title_of(f"{unseen}Explain{unseen} this{unseen}.") == "Explain this"


def test_a_long_sentence_is_cut_at_a_word() -> None:
    title = title_of("Explain how the incremental Markdown renderer of this window keeps its cost flat")
    assert title.endswith("…")
    assert "Explain how the incremental Markdown".startswith(title[:-1])


def test_a_long_chinese_sentence_is_cut_at_a_clause() -> None:
    assert title_of("我想写一封给老朋友的信，告诉他我最近搬到了海边的小城") == "我想写一封给老朋友的信"


@given(st.text(max_size=400))
def test_a_title_is_one_short_line(question: str) -> None:
    title = title_of(question)
    assert "\n" not in title
    assert _columns(title) <= MAX_COLUMNS + 1
    assert title == title.strip()
