"""What stands for the beginning of a conversation that no longer fits: asking for a summary, and going on with it.

The summary goes where the instructions are, into the system message: a template has no other place for a text that
neither side has said. It is asked for in one user message, which every template can write, in the language that the
conversation is mostly in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from belle.prompts.base import Message

_CHINESE = re.compile("[\u4e00-\u9fff]")
_LATIN_WORD = re.compile("[A-Za-z]+")
_BETWEEN = "\n\n"
_CUT = " … "


@dataclass(frozen=True, slots=True)
class _Words:
    user: str
    assistant: str
    before: str
    ask: str
    heading: str


_ENGLISH = _Words(
    "User: ",
    "Assistant: ",
    "Summary of what came before: ",
    "Summarise the conversation above in one short paragraph, so that it can be continued without it. Keep names,"
    " numbers, decisions and what the user wants. Write only the summary.",
    "Summary of the earlier conversation: ",
)
_CHINESE_WORDS = _Words(
    "用户：",
    "助手：",
    "此前内容摘要：",
    "请用一小段话概括以上对话，使之后无需原文也能继续。保留人名、数字、结论和用户的要求。只写摘要。",
    "此前对话的摘要：",
)


def with_summary(messages: Sequence[Message], summary: str) -> list[Message]:
    """`messages` with a summary of what came before them at the end of the system message; as they are without one."""
    if not summary.strip():
        return list(messages)
    told = _words(summary).heading + summary.strip()
    if messages and messages[0].role == "system":
        return [Message("system", messages[0].content + _BETWEEN + told), *messages[1:]]
    return [Message("system", told), *messages]


def summary_request(messages: Sequence[Message], before: str = "", *, longest: int | None = None) -> list[Message]:
    """The conversation that asks for a summary of `messages`.

    Args:
        before: the summary of what came before them, to be carried on.
        longest: of each text only so many characters, half from its beginning and half from its end.
    """
    words = _words("".join(message.content for message in messages))
    lines = [words.before + before.strip()] if before.strip() else []
    for message in messages:
        speaker = words.assistant if message.role == "assistant" else words.user
        lines.append(speaker + _shortened(message.content.strip(), longest))
    return [Message("user", _BETWEEN.join([*lines, words.ask]))]


def _words(text: str) -> _Words:
    """Chinese where there are more Chinese characters than Latin words."""
    return _CHINESE_WORDS if len(_CHINESE.findall(text)) > len(_LATIN_WORD.findall(text)) else _ENGLISH


def _shortened(text: str, longest: int | None) -> str:
    if longest is None or len(text) <= longest + len(_CUT):
        return text
    half = longest // 2
    return text[: longest - half] + _CUT + (text[-half:] if half else "")
