"""Why a generated row is left out: one reason for each, which is counted.

The rules for answers are those of `belle data clean`; what is here concerns what only a generator writes: tasks for
which text is not enough, pieces of the request, another language, half an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from belle.data.check import language_of
from belle.data.clean import RULES, Limits, reason_against
from belle.data.duplicates.shingles import normalised
from belle.data.rows import Conversation
from belle.synthesis.seeds import TaskLanguage

REASONS: Mapping[str, str] = {
    "not-json": "the reply has no JSON to read",
    "no-reply": "there was no reply",
    "incomplete": "a part is missing or empty",
    "short": "the question is too short",
    "long": "the question is too long",
    "not-text": "the question begins with something other than text",
    "needs-more": "it asks for pictures, sound, files or the network",
    "echo": "it repeats the request to the model",
    "language": "it is in another language",
    "duplicate": "it is a near duplicate of a seed, or of an earlier row",
    "contaminated": "it holds a question of an evaluation",
    "cut": "the answer is cut",
    "same": "a message repeats the one before",
    "wrong-answer": "the options and their answer do not fit together",
    "unsupported": "the passage does not say what the answer says",
    **{f"answer-{name}": rule.title for name, rule in RULES.items()},
}
"""Every reason by its name, with what a person is told."""

_OPENING = "“\"《「『‘'（(¿¡"
_NEEDS_MORE = re.compile(
    r"(这|下|上|附|该|一)(张|幅|段|个)?面?的?(图片|照片|图像|截图|音频|录音|视频|附件)|(画|绘制|拍摄|录制|播放|上传|下载)(一|这|下|出|你|该)"
    r"|看图|流程图|思维导图|(打开|访问|点击|浏览)[^，。]{0,8}(网站|网址|链接|网页|文件)|https?://|www\.|<img"
    r"|\b(image|picture|photo|photograph|screenshot|video|audio|recording|attachment|attached file|flow ?chart)s?\b"
    r"|\b(draw|sketch|paint|film|upload|download) (me )?(an?|the|this|your)\b(?! conclusion| line| comparison)",
    re.IGNORECASE,
)
_ECHO = re.compile(
    r"再写\s*\d+\s*道|道新题|语言助手|只输出\s*JSON|写在[“\"]?input|[“\"](instruction|input|output|tasks)[”\"]"
    r"|\bnew exercises\b|\blanguage assistant\b|\bnothing but JSON\b",
    re.IGNORECASE,
)
_MATERIAL = re.compile(
    r"(下面|以下|下列|给定|所给|这)(的|这)?(一)?(段|篇|句|个|首|些|组|则)?(文章|文字|文本|段落|句子|话|材料|新闻|对话|列表|词语|单词|内容|代码|诗|评论|数据)"
    r"|\b(following|given|below|provided)\b[^.]{0,30}"
    r"\b(text|passage|sentence|article|paragraph|list|words?|code|poem|review|data)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class QuestionLimits:
    """Characters of an instruction, or of what a user says in one turn."""

    shortest: int = 5  # at least 1
    longest: int = 600


def question_reason(text: str, limits: QuestionLimits, language: TaskLanguage) -> str:
    """Why a question is left out, a key of `REASONS`; "" where it is not."""
    if not limits.shortest <= len(text) <= limits.longest:
        return "short" if len(text) < limits.shortest else "long"
    faults = {
        "not-text": not (text[0].isalnum() or text[0] in _OPENING),
        "needs-more": _NEEDS_MORE.search(text) is not None,
        "echo": _ECHO.search(text) is not None,
        "language": not is_in(text, language),
    }
    return next((reason for reason, is_so in faults.items() if is_so), "")


def answer_reason(row: Conversation, parts: Sequence[str], *, cut: bool) -> str:
    """Why a row with its answer is left out, a key of `REASONS`; "" where it is not.

    Args:
        parts: of the question, none of which may be the whole answer.
    """
    if cut:
        return "cut"
    reason = reason_against(row, RULES, Limits())
    if reason is not None:
        return f"answer-{reason}"
    said = [normalised(message.content) for message in row.messages]
    repeats = any(one == before for before, one in pairwise(said))
    return "same" if repeats or said[-1] in {normalised(part) for part in parts if part} else ""


def is_in(text: str, language: TaskLanguage) -> bool:
    """Whether a text is in the language, or has no words that would tell."""
    return language_of(text) in (language, "mixed", "none")


def speaks_of_material(instruction: str) -> bool:
    """Whether an instruction refers to a text or a list that should come with it."""
    return _MATERIAL.search(instruction) is not None
