"""What is known of a row's quality, one column each; nothing is left out for it here (see `belle data filter`).

| column | says |
|---|---|
| `agreement` | how far further answers to the same question agree with the one that is kept, 0…1 |
| `judge` | the score of a judge, 0…1 |
| `supported` | the share of the answer's pairs of words that the passage has, 0 where a number is not in it |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.judge.prompts import Judgement, JudgePrompt, OwnPrompts
from belle.synthesis.draft import RowDraft
from belle.synthesis.novelty import words_of
from belle.synthesis.passage_prompts import LETTERS

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LETTER = re.compile(rf"(?<![A-Za-z])([{LETTERS}])(?![A-Za-z])")
_MOST_WORDS = 2_000
"""That are compared: the time grows with the square of the length, slowly."""

_JUDGE = OwnPrompts()


def agreement(draft: RowDraft) -> float | None:
    """The mean agreement of `draft.answers` with its answer; None where there are none.

    Where there are options, an answer agrees (1) that names the same letter; else the agreement is the F measure of
    ROUGE-L (Lin 2004) over words, in whose place Chinese has characters.
    """
    others = [text for text in draft.answers if text is not None]
    if not others:
        return None
    if draft.letter:
        return sum(named_letter(text) == draft.letter for text in others) / len(others)
    return sum(rouge_l(draft.answer, text) for text in others) / len(others)


def named_letter(text: str) -> str:
    """The only letter of an option that stands alone in an answer; "" where there is none, or several."""
    letters = set(_LETTER.findall(text))
    return letters.pop() if len(letters) == 1 else ""


def rouge_l(one: str, other: str) -> float:
    """F1 of the longest common subsequence of the words of two texts, 0…1; two texts without words are equal or not."""
    first, second = words_of(one)[:_MOST_WORDS], words_of(other)[:_MOST_WORDS]
    if not first or not second:
        return float(one.strip() == other.strip())
    return 2 * common_subsequence(first, second) / (len(first) + len(second))


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, with one long number in place of a table (Hyyrö 2004)."""
    positions: dict[str, int] = {}
    for index, word in enumerate(first):
        positions[word] = positions.get(word, 0) | 1 << index
    row = full = (1 << len(first)) - 1  # bit i is 0 where the subsequence grows with first[i]
    for word in second:
        matches = row & positions.get(word, 0)
        row = (row + matches | row - matches) & full
    return len(first) - row.bit_count()


def support(answer: str, passage: str) -> float:
    """How far a passage says what an answer says, 0…1: a hint that costs nothing, and not a proof."""
    numbers = set(_NUMBER.findall(passage))
    if any(number not in numbers for number in _NUMBER.findall(answer)):
        return 0.0
    pairs, there = _pairs(answer), _pairs(passage)
    return sum(count for pair, count in pairs.items() if pair in there) / max(pairs.total(), 1) if pairs else 1.0


def judge_prompt(draft: RowDraft) -> JudgePrompt:
    """Asks a judge for the score of a row's last answer."""
    return _JUDGE.prompt(_item(draft), _conversation(draft), draft.answer)


def judgement(draft: RowDraft, reply: str) -> Judgement:
    """The score in a judge's reply."""
    return _JUDGE.read(reply, _item(draft))


def _item(draft: RowDraft) -> EvaluationItem:
    return EvaluationItem(draft.id, draft.kind, (draft.question,))


def _conversation(draft: RowDraft) -> str:
    """What stands before the answer, as a judge reads it."""
    before = draft.messages[:-1]
    names = {"user": "用户", "assistant": "助手", "system": "系统"}
    turns = "\n".join(f"{names[message.role]}：{message.content}" for message in before)
    question = before[0].content if len(before) == 1 else turns
    return f"{draft.passage}\n\n{question}" if draft.passage else question


def _pairs(text: str) -> Counter[tuple[str, ...]]:
    words = words_of(text)
    return Counter(pairwise(words)) if len(words) > 1 else Counter([(word,) for word in words])
