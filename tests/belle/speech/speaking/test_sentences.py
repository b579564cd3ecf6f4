"""Paragraphs of Markdown, and their sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.speech.speaking.text.plain import paragraphs
from belle.speech.speaking.text.sentences import LONGEST, split_sentences
from belle.speech.speaking.text.spoken import sentences_to_say

SPLIT = {
    "你好。再见！真的吗？": ["你好。", "再见！", "真的吗？"],
    "他说：“走吧。”然后走了。": ["他说：“走吧。”", "然后走了。"],
    "什么？！不会吧……也许。": ["什么？！", "不会吧……", "也许。"],
    "嗯……，好。": ["嗯……，好。"],
    "圆周率是3.14。版本2.0.1。": ["圆周率是3.14。", "版本2.0.1。"],
    "Mr. Smith lives in the U.S. today. He is 3.5 m tall.": [
        "Mr. Smith lives in the U.S. today.",
        "He is 3.5 m tall.",
    ],
    'He said "Hi!" Then left.': ['He said "Hi!"', "Then left."],
    "Use e.g. this, i.e. that. Done.": ["Use e.g. this, i.e. that.", "Done."],
    "J. R. R. Tolkien wrote it. Good?": ["J. R. R. Tolkien wrote it.", "Good?"],
    "Wait... what? Yes!": ["Wait... what?", "Yes!"],
    "第一行\n第二行": ["第一行", "第二行"],
    "这是Python.它很好。": ["这是Python.", "它很好。"],
    "no end": ["no end"],
    "": [],
}


@pytest.mark.parametrize(("paragraph", "sentences"), SPLIT.items())
def test_a_paragraph_has_these_sentences(paragraph: str, sentences: list[str]) -> None:
    assert split_sentences(paragraph) == sentences


@given(st.text(st.sampled_from('好a1.。！?…，, \n”")'), max_size=300))
def test_sentences_hold_the_whole_paragraph(paragraph: str) -> None:
    sentences = split_sentences(paragraph)
    assert "".join("".join(sentences).split()) == "".join(paragraph.split())
    assert all(0 < len(sentence) <= LONGEST for sentence in sentences)


def test_code_formulas_addresses_and_pictures_are_left_out() -> None:
    markdown = """# 标题

**加粗**和[链接](https://a.example/b)，`x = 1`。第二句。

```python
print("不读")
```

    also not read

$$\\int_0^1 x$$

- [x] 完成
- 值为 $a+b$，不是 $\\frac{a}{b}$

| 名称 | 值 |
|---|---|
| 北京 | 1 |

![一只猫](cat.png)

<b>重要</b>

😊
"""
    assert sentences_to_say(paragraphs(markdown)) == [
        "标题",
        "加粗和链接，x = 1。",
        "第二句。",
        "完成",
        "值为 a+b，不是",
        "名称，值",
        "北京，1",
        "一只猫",
        "重要",
    ]


@given(st.text(st.sampled_from("#*`-|>[]()$\\ \nab好。<1."), max_size=200))
def test_any_markdown_is_read(markdown: str) -> None:
    for sentence in sentences_to_say(paragraphs(markdown)):
        assert sentence.strip()
