"""Questions about passages, with their answers or as tests (ChatHome, arXiv 2307.15290): one request for a passage."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from belle.prompts import Message
from belle.synthesis import passage_prompts as words
from belle.synthesis.asks import Ask, StepReply
from belle.synthesis.draft import KindName, RowDraft
from belle.synthesis.labels import LabelCounts
from belle.synthesis.maker import MakerOptions, ProposalReading, labels_of, provenance
from belle.synthesis.passages import PassageQueue, TextPassage
from belle.synthesis.quality import support
from belle.synthesis.reply_json import objects_in, text_field
from belle.synthesis.seeds import TaskLanguage

_CHARACTERS_EACH = 60
"""Of a passage for a question: a page gets twenty."""

_NAMES_A_LETTER = re.compile(
    r"(?<![A-Za-z])"
    r"(?:[B-F]|(?:选项?|答案[是为]?|[Oo]ption|[Cc]hoice|[Aa]nswer is)[ ：“(（]*A|A(?= *[项对正]))"
    r"(?![A-Za-z])"
)
"""In a reason: the letter of an option, and not the article “a”."""

_REASON = {"zh": "理由：", "en": "Reason: "}
_ANSWER = {"zh": "答案：", "en": "Answer: "}


class PassageMaker:
    """Makes questions about passages. Attributes: see `RowMaker`.

    Args:
        kind: `qa` or `choices`.
        passages: each is asked about once, or twice where the first reply cannot be read.
        labels, options: as of `InstructionMaker`.
    """

    def __init__(
        self, kind: KindName, passages: Sequence[TextPassage], labels: LabelCounts, options: MakerOptions
    ) -> None:
        self.kind = kind
        self.expected = words.FEWEST_QUESTIONS
        self.total: int | None = sum(questions_for(passage.text) for passage in passages)
        self._passages = PassageQueue(passages)
        self._labels = labels
        self._options = options

    def ask(self, number: int) -> Ask | None:
        """As `RowMaker.ask`."""
        turn = self._passages.turn(number)
        if turn is None:
            return None
        passage, name = turn[0], f"{self.kind}-{turn[1]}"
        labels = self._labels.draw(self._options.chance(name))
        ask, schema = (
            (words.ask_questions, words.QA_SCHEMA) if self.kind == "qa" else (words.ask_choices, words.CHOICES_SCHEMA)
        )
        messages = ask(passage.text, questions_for(passage.text), self._labels.describe(labels), self._options.language)
        context = {"passage": passage.id, "labels": labels, "seed": self._options.seed}
        return Ask(name, "propose", messages, self._options.proposals, schema, context)

    def read(self, reply: StepReply) -> ProposalReading:
        """As `RowMaker.read`."""
        passage = self._passages.find(reply.context.get("passage"))
        parsed = objects_in(reply.text, words.QUESTIONS)
        if passage is None or not parsed.objects:
            if passage is not None:
                self._passages.unread(passage, reply.id)
            return ProposalReading(left_out=("not-json",))
        drafts: list[RowDraft] = []
        left_out: list[str] = []
        for number, entry in enumerate(parsed.objects[: words.MOST_QUESTIONS], 1):
            name = f"{reply.id}-{number}"
            fields = self._qa(entry, passage) if self.kind == "qa" else self._choice(entry, passage, name)
            if isinstance(fields, str):
                left_out.append(fields)
                continue
            draft = RowDraft(
                name,
                self.kind,
                whole=parsed.whole,
                labels=labels_of(reply.context),
                provenance=provenance(reply, passage=passage.id, source=passage.source),
                passage=passage.text,
                **fields,
            )
            drafts.append(draft)
        return ProposalReading(tuple(drafts), tuple(left_out))

    def accepted(self, draft: RowDraft) -> None:
        """As `RowMaker.accepted`."""
        self._labels.count(draft.labels)

    def _qa(self, entry: Mapping[str, Any], passage: TextPassage) -> dict[str, Any] | str:
        """The fields of a draft, or why there is none."""
        question, answer = text_field(entry, "question"), text_field(entry, "answer")
        if not question or not answer:
            return "incomplete"
        return self._fields(question, answer, passage, "", support(answer, passage.text))

    def _choice(self, entry: Mapping[str, Any], passage: TextPassage, name: str) -> dict[str, Any] | str:
        question, reason = text_field(entry, "question"), text_field(entry, "reason")
        if not question or not reason:
            return "incomplete"
        options = options_of(entry)
        named = text_field(entry, "answer").strip("。. ").upper()
        right = words.LETTERS.find(named) if len(named) == 1 else -1  # “AB” names no single option
        is_true_false = entry.get("form") == words.TRUE_FALSE
        if len(options) < 2 or not 0 <= right < len(options) or (is_true_false and len(options) != 2):
            return "wrong-answer"
        if not is_true_false and not _NAMES_A_LETTER.search(reason):
            # Models like to put the right one first.
            options, right = shuffled(options, right, self._options.chance(name))
        letter = words.LETTERS[right]
        asked = "\n".join((question, *(f"{words.LETTERS[i]}. {option}" for i, option in enumerate(options))))
        language = self._options.language
        answer = f"{_ANSWER[language]}{letter}\n{_REASON[language]}{reason}"
        claim = reason if is_true_false else f"{options[right]} {reason}"
        return self._fields(asked, answer, passage, letter, support(claim, passage.text))

    def _fields(
        self, question: str, answer: str, passage: TextPassage, letter: str, supported: float
    ) -> dict[str, Any]:
        language: TaskLanguage = self._options.language
        return {
            "messages": (Message("user", question), Message("assistant", answer)),
            "instruction": question,
            "asked": words.ask_again(passage.text, question, language, letter=bool(letter)),
            "letter": letter,
            "columns": {"supported": round(supported, 3)},
        }


def questions_for(passage: str) -> int:
    """How many questions cover a passage."""
    return min(max(len(passage) // _CHARACTERS_EACH, words.FEWEST_QUESTIONS), words.MOST_QUESTIONS)


def options_of(entry: Mapping[str, Any]) -> list[str]:
    """The options of a question, without letters before them; none where one is empty or occurs twice."""
    value = entry.get("options")
    texts = [text_field({"option": option}, "option") for option in value] if isinstance(value, list) else []
    options = [_without_letter(text, letter) for text, letter in zip(texts, words.LETTERS, strict=False)]
    sound = all(options) and len(set(options)) == len(options) == len(texts)
    return options if sound else []


def shuffled(options: Sequence[str], right: int, chance: random.Random) -> tuple[list[str], int]:
    """The options in another order, and where the right one is now."""
    order = list(range(len(options)))
    chance.shuffle(order)
    return [options[index] for index in order], order.index(right)


def _without_letter(option: str, letter: str) -> str:
    for mark in (".", "．", "、", ")", "）", ":", "："):
        if option.startswith(f"{letter}{mark}"):
            return option[2:].strip()
    return option
