"""The sentences of `sources/` as they were written, in several forms of question."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

from makers.sample import Language, Sample, capital, dialogues, table
from makers.words import translation

_LEADS: dict[Language, tuple[str, ...]] = {
    "zh": ("", "", "", "请问，", "我想知道，", "考考你："),
    "en": ("", "", "", "Please tell me: ", "I would like to know: ", "A question for you: "),
}
_PASSAGES = Path(__file__).resolve().parent.parent.parent / "tiny" / "data" / "pretrain.jsonl"


def _fact(rng: Random, language: Language) -> Sample:
    kind = rng.choice(("facts", "facts", "facts", "advice", "refusals"))
    question, answer = rng.choice(table(f"{kind}.{language}.tsv"))
    if kind == "facts" and rng.random() < 0.2:
        joint = "" if language == "zh" else " "
        return Sample(language, f"{kind}:{question}", text=f"{question}{joint}{answer}")
    lead = rng.choice(_LEADS[language]) if kind == "facts" else ""
    return Sample(language, f"{kind}:{question}", (lead + question, answer))


def fact_zh(rng: Random) -> Sample:
    """A question about the world, for advice, or for what must be refused."""
    return _fact(rng, "zh")


def fact_en(rng: Random) -> Sample:
    """The same in English."""
    return _fact(rng, "en")


def definition_zh(rng: Random) -> Sample:
    """What a word means, or which word is meant."""
    term, meaning = rng.choice(table("definitions.zh.tsv"))
    key = f"definition:{term}"
    form = rng.randrange(7)
    if form == 0:
        return Sample("zh", key, text=f"{term}是{meaning}。")
    if form == 1:
        return Sample("zh", key, (f"“{meaning}”说的是什么？", f"说的是{term}。"))
    question = ("什么是{}？", "{}是什么？", "请解释“{}”。", "用一句话说明什么是{}。", "“{}”是什么意思？")[form - 2]
    return Sample("zh", key, (question.format(term), f"{term}是{meaning}。"))


def definition_en(rng: Random) -> Sample:
    """The same in English."""
    term, meaning = rng.choice(table("definitions.en.tsv"))
    key = f"definition:{term}"
    form = rng.randrange(6)
    answer = f"{capital(term)} is {meaning}."
    if form == 0:
        return Sample("en", key, text=answer)
    if form == 1:
        return Sample("en", key, (f"What do we call {meaning}?", f"We call it {term}."))
    question = ("What is {}?", "Please explain what {} is.", "Define {}.", "Tell me in one sentence what {} is.")[
        form - 2
    ]
    return Sample("en", key, (question.format(term), answer))


def dialogue_zh(rng: Random) -> Sample:
    """A conversation, whole or its beginning."""
    return _dialogue(rng, "zh")


def dialogue_en(rng: Random) -> Sample:
    """The same in English."""
    return _dialogue(rng, "en")


def _dialogue(rng: Random, language: Language) -> Sample:
    turns = rng.choice(dialogues(f"dialogues.{language}.txt"))
    length = 2 * rng.randint(1, len(turns) // 2)
    return Sample(language, f"dialogue:{turns[0]}", turns[:length])


def translate_handwritten(rng: Random) -> Sample:
    """A sentence of the table in the other language."""
    chinese, english = rng.choice(table("sentences.tsv"))
    if rng.random() < 0.15:
        return Sample("zh", f"pair:{chinese}", text=f"{chinese}{english}")
    return translation(rng, f"pair:{chinese}", chinese, english)


@cache
def _passages() -> tuple[str, ...]:
    lines = _PASSAGES.read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line)["text"] for line in lines)


def passage(rng: Random) -> Sample:
    """One of the passages that the tiny recipes read, whole."""
    text = rng.choice(_passages())
    return Sample("en" if text.isascii() or text[0].isascii() else "zh", f"passage:{text[:20]}", text=text)
