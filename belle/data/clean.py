"""Rules that find rows which teach the wrong thing; each can be switched off, and each counts its rows.

BELLE's data was written by a model, so it holds that model's refusals and its talk of itself, loops, broken characters
and dialogues that ran on into the next question. Whether a rule is right is for people to judge: `belle data clean
--show RULE` prints the rows that it removes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from belle.data.rows import Conversation, Preference, PretrainText, Row
from belle.prompts import Message


@dataclass(frozen=True)
class Limits:
    """Lengths in characters, of an answer or of a document."""

    shortest: int = 1
    longest: int = 20_000


@dataclass(frozen=True)
class Rule:
    """A reason to leave a row out.

    Args:
        title: what is wrong with such a row.
        finds: whether a row has that fault.
    """

    title: str
    finds: Callable[[Row, Limits], bool]


_REFUSAL = re.compile(
    r"作为(一个|一名|一款)?(AI|人工智能|大型语言|语言)(语言)?(模型|助手|程序)"
    r"|(我|抱歉|很抱歉|对不起)[，,]?(我)?(无法|不能|没有办法)(提供|回答|完成|协助|访问|生成|帮助|执行|为您|给出|满足)"
    r"|\bas an? (ai|artificial intelligence)( language)?( model| assistant)?\b"
    r"|\bi('m| am) (sorry|unable|not able)\b[^.]{0,60}\b(can(no|')t|unable|not able)\b"
    r"|\bi (cannot|can't|can not) (provide|assist|fulfill|answer|complete|help)\b"
    r"|\bi (do not|don't) have the (ability|capability|capabilities)\b",
    re.IGNORECASE,
)
_OTHER_MODELS = re.compile(r"\bOpenAI\b|\bChatGPT\b|\bGPT-?[34]\b|文心一言|通义千问", re.IGNORECASE)
# U+FFFD; UTF-8 read as Latin-1 or GBK; uninitialised memory (0xCC, 0xCD) read as GBK; control and private characters.
_GARBAGE = re.compile(
    "\ufffd|ï»¿|â€[œ\u009d™“”]|Ã[©¨¼¶¤±]|锟斤拷|烫烫烫|屯屯屯|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ue000-\uf8ff]"
)
_LABEL = re.compile(r"(?:^|\n)\s*(Human|Assistant)\s*[:：]|<\|im_(start|end)\|>|\[/?INST\]|</s>")
# The same 4…200 characters at least six times in a row.
_LOOP = re.compile(r"(?P<part>.{4,200}?)(?P=part){5}", re.DOTALL)
_TAIL = 3000
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


def _answers(row: Row) -> list[str]:
    if isinstance(row, PretrainText):
        return [row.text]
    if isinstance(row, Preference):
        return [row.chosen]
    return [m.content for m in row.messages if m.role == "assistant"]


def _questions(row: Row) -> list[str]:
    if isinstance(row, PretrainText):
        return []
    messages = row.messages if isinstance(row, Conversation) else row.prompt
    return [m.content for m in messages if m.role == "user"]


def _texts(row: Row) -> list[str]:
    return [*_questions(row), *_answers(row)]


def _loops(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) >= 10 and len(set(lines)) <= len(lines) // 3:
        return True
    # A model that loops does so until its end, so the tail is enough. The search is slow, and text that repeats itself
    # compresses well, so text that does not is left out first.
    tail = text[-_TAIL:]
    raw = tail.encode("utf-8", "replace")
    if len(zlib.compress(raw, 1)) > 0.5 * len(raw):
        return False
    loop = _LOOP.search(tail)
    # Rows of dashes, stars and spaces are typography.
    return loop is not None and any(c.isalnum() for c in loop["part"])


RULES: Mapping[str, Rule] = {
    "no-answer": Rule("nothing is answered", lambda row, _: not _answers(row)),
    "empty-answer": Rule("an answer is empty", lambda row, _: any(not text.strip() for text in _answers(row))),
    "empty-question": Rule("a question is empty", lambda row, _: any(not text.strip() for text in _questions(row))),
    "refusal": Rule(
        "the answer is that of a model that declines",
        lambda row, _: any(_REFUSAL.search(text[:200]) for text in _answers(row)),
    ),
    "other-model": Rule(
        "the answer speaks of itself as another model", lambda row, _: any(map(_OTHER_MODELS.search, _answers(row)))
    ),
    "encoding": Rule("broken characters", lambda row, _: any(map(_GARBAGE.search, _texts(row)))),
    "template": Rule(
        "the label of a turn stands inside a message", lambda row, _: any(map(_LABEL.search, _answers(row)))
    ),
    "loop": Rule("the answer repeats itself", lambda row, _: any(map(_loops, _answers(row)))),
    "too-short": Rule(
        "an answer is too short",
        lambda row, limits: any(0 < len(text.strip()) < limits.shortest for text in _answers(row)),
    ),
    "too-long": Rule(
        "an answer is too long", lambda row, limits: any(len(text) > limits.longest for text in _answers(row))
    ),
}
"""Every rule by its name, in the order in which they are tried; a row is counted under the first that finds it."""


def tidied(row: Row) -> Row:
    """The row without invisible characters, carriage returns, and white space around its texts.

    Answers that begin with an empty line, as BELLE's do, teach a model to begin so.
    """
    if isinstance(row, PretrainText):
        return replace(row, text=_tidy(row.text))
    if isinstance(row, Conversation):
        return replace(row, messages=_tidy_all(row.messages))
    return replace(row, prompt=_tidy_all(row.prompt), chosen=_tidy(row.chosen), rejected=_tidy(row.rejected))


def _tidy_all(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(Message(m.role, _tidy(m.content)) for m in messages)


def _tidy(text: str) -> str:
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def reason_against(row: Row, rules: Mapping[str, Rule], limits: Limits) -> str | None:
    """The name of the first rule that finds the row; None when none does."""
    return next((name for name, rule in rules.items() if rule.finds(row, limits)), None)
