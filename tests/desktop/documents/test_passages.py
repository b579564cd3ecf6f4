"""Documents become passages of a size that a model can be handed, and terms that people search for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.documents.blocks import DocumentBlock
from desktop.documents.passages import LONGEST_PASSAGE, Passage, approximate_tokens, split
from desktop.documents.terms import asked_pages, index_terms, query_terms


def test_small_paragraphs_are_joined_within_their_page_and_heading() -> None:
    blocks = [
        DocumentBlock("One.", page=1),
        DocumentBlock("Two.", page=1),
        DocumentBlock("Three.", page=2),
        DocumentBlock("Four.", page=2, heading="H"),
    ]
    assert list(split(blocks)) == [Passage("One.\nTwo.", 1), Passage("Three.", 2), Passage("Four.", 2, heading="H")]


@pytest.mark.parametrize("unit", ["一个句子有七个字。", "This sentence has six words. ", "x", "字", "word "])
def test_a_long_paragraph_is_split_and_nothing_is_lost(unit: str) -> None:
    text = (unit * 4000).strip()
    passages = list(split([DocumentBlock(text, line=1)]))
    assert "".join("".join(p.text.split()) for p in passages) == "".join(text.split())
    assert all(approximate_tokens(p.text) <= LONGEST_PASSAGE for p in passages)
    assert sum(approximate_tokens(p.text) for p in passages[:-1]) / len(passages[:-1]) > 40


def test_the_passages_of_a_long_text_know_their_lines() -> None:
    text = "\n".join(f"line {number} " + "word " * 30 for number in range(1, 101))
    for passage in split([DocumentBlock(text, line=1)]):
        assert passage.text.startswith(f"line {passage.line} ")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=3000), max_size=4))
def test_any_text_is_split_into_passages_that_fit(texts: list[str]) -> None:
    passages = list(split(DocumentBlock(text) for text in texts if text.strip()))
    assert all(approximate_tokens(p.text) <= LONGEST_PASSAGE + 1 for p in passages)
    assert "".join("".join(p.text.split()) for p in passages) == "".join("".join(t.split()) for t in texts)


QUESTIONS = {
    "What is the budget of the project?": ["budget", "project"],
    "谁负责预算？": ["谁负", "负责", "责预", "预算"],
    "预算": ["预算"],
    "税": ["税*"],
    "第三页讲了什么？": [],
    "What does page 3 say?": [],
    "Summarise this document.": [],
    "公司的收入是多少": ["公司", "收入", "入是"],
    "GGUF 格式": ["gguf", "格式"],
    "Ｑ４_K types": ["q4", "k", "type"],
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_searched_by_what_it_is_about(question: str) -> None:
    assert query_terms(question) == QUESTIONS[question]


def test_every_word_and_pair_of_characters_of_a_text_is_a_term() -> None:
    assert index_terms("Budgets: 预算表 and ＡＢ") == "budget 预算 算表 表 and ab"


PAGES = {
    "What does page 3 say?": [3],
    "compare pages 2-4, and p. 9": [2, 3, 4, 9],
    "第三页讲了什么？": [3],
    "第 12 页，还有第十页": [12, 10],
    "第二十一页到第二十三页": [21, 22, 23],
    "一百零三页": [103],
    "the 3 pages": [],
    "page one of three": [],
    "page 99999": [],
}


@pytest.mark.parametrize("question", PAGES)
def test_the_pages_that_a_question_names_are_understood(question: str) -> None:
    assert asked_pages(question) == PAGES[question]
