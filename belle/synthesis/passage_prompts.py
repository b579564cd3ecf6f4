"""What a model is asked when it is to write questions about a passage, or a dialogue: in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from belle.synthesis.prompts import Messages, describe_labels, list_schema, user_message
from belle.synthesis.seeds import TaskLanguage

QUESTIONS, TURNS = "questions", "turns"
"""The lists in replies."""

FEWEST_QUESTIONS, MOST_QUESTIONS = 5, 20
"""About one passage, as ChatHome (arXiv 2307.15290) asks for."""

LETTERS = "ABCDEF"
SINGLE, TRUE_FALSE = "single", "true-false"

_TEXT = {"type": "string"}


def _object(**fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: dict(field) for name, field in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


_CHOICE = _object(
    form={"enum": [SINGLE, TRUE_FALSE]},
    question=_TEXT,
    options={"type": "array", "items": _TEXT, "minItems": 2, "maxItems": len(LETTERS)},
    answer={"enum": list(LETTERS)},
    reason=_TEXT,
)
QA_SCHEMA = list_schema(QUESTIONS, _object(question=_TEXT, answer=_TEXT), 1, MOST_QUESTIONS)
CHOICES_SCHEMA = list_schema(QUESTIONS, _CHOICE, 1, MOST_QUESTIONS)

_PASSAGE = {"zh": "<资料>\n{passage}\n</资料>\n\n", "en": "<text>\n{passage}\n</text>\n\n"}
_LABELS = {"zh": "另外要符合：{labels}。\n", "en": "Also keep to this: {labels}.\n"}
_QA = {
    "zh": (
        "请根据上面的资料写 {count} 个问题和它们的答案，合起来要覆盖资料的全部要点，互不重复。\n"
        "问题要离开资料也读得懂：写明所指的人、物和时间，不要说“本文”“资料中”。\n"
        "答案只用资料里有的内容，完整、详细，数字和名称照原文。\n{labels}"
        '只输出 JSON：{{"questions": [{{"question": "……", "answer": "……"}}, ……]}}'
    ),
    "en": (
        "Write {count} questions about the text above, with their answers, which together cover all that it says and "
        "do not repeat each other.\n"
        "Each question can be understood without the text: it names the people, things and times that it means, and "
        "never says “the text”.\n"
        "The answers say only what is in the text, in full and in detail; numbers and names are as they are there.\n"
        '{labels}Write nothing but JSON: {{"questions": [{{"question": "…", "answer": "…"}}, …]}}'
    ),
}
_CHOICES = {
    "zh": (
        "请根据上面的资料出 {count} 道题，考查其中不同的要点：单项选择题（form 为 single，四个选项，只有一个正确，"
        "错误选项要像真的）和判断题（form 为 true-false，选项是“对”和“错”）都要有。\n"
        "题目要离开资料也读得懂，不要说“本文”“资料中”。选项里不写字母。answer 是正确选项的字母，第一个选项是 A。"
        "reason 用资料里的内容说明理由，不提字母。\n{labels}"
        '只输出 JSON：{{"questions": [{{"form": "single", "question": "……", "options": ["……", ……], '
        '"answer": "B", "reason": "……"}}, ……]}}'
    ),
    "en": (
        "Write {count} exam questions about different points of the text above: some with four options of which one is "
        "right (form: single; the wrong ones look plausible), some to be called true or false (form: true-false; the "
        "options are “True” and “False”).\n"
        "Each can be understood without the text and never says “the text”. Options have no letters; “answer” is the "
        "letter of the right one, A for the first. “reason” explains it from the text, without letters.\n{labels}"
        'Write nothing but JSON: {{"questions": [{{"form": "single", "question": "…", "options": ["…", …], '
        '"answer": "B", "reason": "…"}}, …]}}'
    ),
}
_DIALOGUE = {
    "zh": (
        "请写一段用户和助手的对话，一共 {turns} 轮，每轮是用户说一句、助手答一次。\n{setting}"
        "用户的话像真人随口说的，有追问、有转折，后面的话接着前面的说；不称呼助手的名字，也不说“根据资料”。\n"
        "助手的回答准确、详细、有礼貌，{facts}不知道的就说不知道。\n"
        '只输出 JSON：{{"turns": [{{"user": "……", "assistant": "……"}}, ……]}}'
    ),
    "en": (
        "Write a conversation of a user and an assistant with {turns} turns; in each the user says something and the "
        "assistant answers.\n{setting}"
        "The user talks as people do, asks back, changes course, and builds on what was said; never calls the "
        "assistant by a name and never mentions a text.\n"
        "The assistant is right, detailed and polite, {facts}and says so where it does not know.\n"
        'Write nothing but JSON: {{"turns": [{{"user": "…", "assistant": "…"}}, …]}}'
    ),
}
_SETTING = {"zh": "对话的设定：{labels}。\n", "en": "The setting: {labels}.\n"}
_EXAMPLE = {
    "zh": "用户一开始想请助手帮的忙类似这样：{example}\n",
    "en": "At first the user wants help like this: {example}\n",
}
_FACTS = {"zh": "内容只用上面资料里有的，", "en": "says only what is in the text above, "}
_AGAIN = {
    "zh": "请根据上面的资料回答，只用资料里有的内容。\n问题：{question}",
    "en": "Answer from the text above, with what is in it alone.\nQuestion: {question}",
}
_AGAIN_CHOICE = {
    "zh": "请根据上面的资料做题，只回答正确选项的字母。\n{question}",
    "en": "Answer from the text above, with the letter of the right option alone.\n{question}",
}


def ask_questions(passage: str, count: int, labels: Sequence[tuple[str, str]], language: TaskLanguage) -> Messages:
    """Asks for questions about a passage with their answers."""
    return _about(passage, _QA[language], count, labels, language)


def ask_choices(passage: str, count: int, labels: Sequence[tuple[str, str]], language: TaskLanguage) -> Messages:
    """Asks for single-choice and true-or-false questions about a passage."""
    return _about(passage, _CHOICES[language], count, labels, language)


def ask_dialogue(
    turns: int, labels: Sequence[tuple[str, str]], language: TaskLanguage, *, passage: str = "", example: str = ""
) -> Messages:
    """Asks for a conversation of `turns` questions, with a passage or a task to begin from."""
    setting = _SETTING[language].format(labels=describe_labels(labels, language)) if labels else ""
    setting += _EXAMPLE[language].format(example=example) if example else ""
    text = _DIALOGUE[language].format(turns=turns, setting=setting, facts=_FACTS[language] if passage else "")
    return user_message((_PASSAGE[language].format(passage=passage) if passage else "") + text)


def turns_schema(turns: int) -> Mapping[str, Any]:
    """Of the reply to `ask_dialogue`."""
    return list_schema(TURNS, _object(user=_TEXT, assistant=_TEXT), 1, turns)


def ask_again(passage: str, question: str, language: TaskLanguage, *, letter: bool) -> Messages:
    """Asks a question about a passage that has an answer already, to compare."""
    text = (_AGAIN_CHOICE if letter else _AGAIN)[language].format(question=question)
    return user_message(_PASSAGE[language].format(passage=passage) + text)


def _about(
    passage: str, prompt: str, count: int, labels: Sequence[tuple[str, str]], language: TaskLanguage
) -> Messages:
    constraint = _LABELS[language].format(labels=describe_labels(labels, language)) if labels else ""
    return user_message(_PASSAGE[language].format(passage=passage) + prompt.format(count=count, labels=constraint))
