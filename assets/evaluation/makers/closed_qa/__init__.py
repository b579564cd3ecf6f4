"""The class `closed qa`: questions about passages on invented places, things and rules, so that knowledge does not help.

The first question about a passage comes with that passage alone, each other one with a second passage, which does not
answer it. No two items show the same pair. A passage leaves some of its questions unanswered; then that has to be said.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from assets.evaluation.makers.draft import Draft, Language, contains

_UNKNOWN: dict[Language, tuple[str, ...]] = {
    "zh": ("材料未提及", "未提及", "没有提及", "没有提到", "未提到", "没有说明", "未说明", "没有说", "没提", "无法得知", "无法确定"),
    "en": ("not stated", "not mentioned", "does not say", "doesn't say", "does not state", "not said", "not specified", "unknown", "cannot be determined"),
}  # fmt: skip
_ASK: dict[Language, tuple[str, ...]] = {
    "zh": (
        "{passages}\n\n根据以上材料，用不超过四十个字回答；材料里没有的，就回答“材料未提及”。\n问题：{question}",
        "只依据下面的文字回答问题，一句话即可。如果文字没有交代，请写“材料未提及”。\n\n{passages}\n\n{question}",
        "{passages}\n\n{question}\n（请简短作答。文中找不到答案时写“材料未提及”，不要猜。）",
        "问题：{question}\n请从下文中找答案，尽量简短；找不到就说“材料未提及”。\n\n{passages}",
    ),
    "en": (
        '{passages}\n\nAnswer from the text above in one short sentence; if it does not say, answer "not stated".\n{question}',
        '{question}\nUse only the text below and be brief. Write "not stated" if the answer is not there.\n\n{passages}',
        '{passages}\n\nQuestion: {question}\nKeep to what the text says, in 25 words or fewer. If it leaves this open, say "not stated".',
    ),
}
_LONGEST: dict[Language, int] = {"zh": 80, "en": 240}
"""Characters: twice what is asked for, since what matters is that the answer does not tell everything."""
_OFFSETS = (0, 1, 3, 4)
"""How far away the second passage stands, by the number of the question; 0 for none. With 9 passages or more, no pair
comes twice."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text with its questions, each with its reference, the forms of a right answer, and what a right one lacks."""

    text: str
    questions: list[tuple[str, str, list[str], list[str]]]


def drafts() -> list[Draft]:
    """All items of the class."""
    return [*_drafts("zh"), *_drafts("en")]


def _passages(language: Language) -> list[Passage]:
    file = Path(__file__).with_name(f"passages.{language}.toml")
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["passage"]
    return [Passage(row["text"].strip(), [_question(*asked) for asked in row["asked"]]) for row in rows]


def _question(
    ask: str, reference: str = "", forms: list[str] | None = None, none: list[str] | None = None
) -> tuple[str, str, list[str], list[str]]:
    return ask, reference, forms or [], none or []


def _drafts(language: Language) -> list[Draft]:
    passages = _passages(language)
    return [
        _draft(language, passages, number, place)
        for number, passage in enumerate(passages)
        for place in range(len(passage.questions))
    ]


def _draft(language: Language, passages: list[Passage], number: int, place: int) -> Draft:
    passage = passages[number]
    ask, reference, forms, none = passage.questions[place]
    shown = [passage.text]
    if place:
        shown.append(passages[(number + _OFFSETS[place]) % len(passages)].text)
        Random(ask).shuffle(shown)  # noqa: S311 - not a secret
        heads = ("【材料一】", "【材料二】") if language == "zh" else ("Text 1: ", "Text 2: ")
        shown = [head + text for head, text in zip(heads, shown, strict=True)]
    form = _ASK[language][(number + place) % len(_ASK[language])]
    question = form.format(passages="\n\n".join(shown), question=ask)
    if not reference:
        unknown = _UNKNOWN[language]
        check = contains(some=unknown, none=[passage.text[-12:]], longest=_LONGEST[language])
        return Draft(language, question, unknown[0].capitalize() + (".", "。")[language == "zh"], checks=[check])
    check = contains(some=forms, none=[*none, _UNKNOWN[language][0]], longest=_LONGEST[language])
    return Draft(language, question, reference, checks=[check])
