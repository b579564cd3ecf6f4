"""Which of two models answers an item better: by the item's rules, and by a judge in both orders where they are even.

Rules decide where one answer keeps more of them. Where both keep as many, it is a tie for an item that rules alone
score, and the judge's decision for one that has a rubric or no rules.

A judge tends to prefer what it is shown first, or second. So each pair is shown in both orders; the judge's decision
counts where both agree, and is a tie where they do not (Zheng et al. 2023, arXiv 2306.05685, § 3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from belle.clients.chat.client import RequestError
from belle.clients.chat.requests import Decoding
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.judge.anchors import Winner
from belle.evaluation.judge.pair_prompts import (
    PAIR_PROMPTS,
    Better,
    pair_prompt,
    pair_prompts_digest,
    read_pair_reply,
)
from belle.evaluation.judge.replies import JudgeQuestion, JudgeReplies
from belle.evaluation.judge.verdicts import JudgedAnswer, rules_verdict

PairBy = Literal["rules", "judge", "same", "nobody"]
"""Who decided. “same” are answers that do not differ in a letter: a tie, which nobody is asked about."""

_SAME: Mapping[Better, Winner] = {"1": "first", "2": "second", "tie": "tie"}
_SWAPPED: Mapping[Better, Winner] = {"1": "second", "2": "first", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """Which of two answers is better.

    Attributes:
        item: its id.
        winner: None where it is not known.
        by: who decided.
        orders: what the judge prefers with the first model's answer shown first, and with the second's; None for a
            reply that cannot be read. Empty where the judge was not asked.
        reasons: the judge's, in the same order; or those of the rules for each answer.
        problem: why there is no winner; "" where there is one.
        answers: the digests of the two answers.
        lengths: their characters, without white space.
    """

    item: str
    winner: Winner | None
    by: PairBy
    orders: tuple[Winner | None, ...]
    reasons: tuple[str, ...]
    problem: str
    answers: tuple[str, str]
    lengths: tuple[int, int]


@dataclass(slots=True)
class PairRun:
    """Compares the answers of two models with one judge.

    Args:
        judge: who is asked.
        path: where the replies are kept; what is there is not asked again.
        decoding: of the judge.
    """

    judge: ModelAnswerer
    path: Path
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=1024, seed=1))

    @property
    def facts(self) -> dict[str, Any]:
        """What the verdicts depend on, besides the answers: the judge, its decoding and its prompts."""
        return {**self._replies.identity, "judge_name": self.judge.name, "prompts_digest": pair_prompts_digest()}

    def verdicts(
        self,
        first: Sequence[JudgedAnswer],
        second: Sequence[JudgedAnswer],
        on_reply: Callable[[], None] = lambda: None,
    ) -> list[PairVerdict]:
        """The verdicts on the items that both models have answered, in the order of the first. Raises KnownError."""
        of_second = {answer.item.id: answer for answer in second}
        pairs = [(answer, of_second[answer.item.id]) for answer in first if answer.item.id in of_second]
        decided = [_without_judge(*pair) for pair in pairs]
        asked = [pair for pair, verdict in zip(pairs, decided, strict=True) if verdict is None]
        questions = [question for pair in asked for question in (pair_question(*pair), pair_question(*pair[::-1]))]
        replies = iter(self._replies.ask(questions, on_reply))
        return [
            verdict or pair_verdict(*pair, (next(replies), next(replies)))
            for pair, verdict in zip(pairs, decided, strict=True)
        ]

    @property
    def _replies(self) -> JudgeReplies:
        return JudgeReplies(self.judge, PAIR_PROMPTS, self.path, self.decoding)


def pair_question(shown_first: JudgedAnswer, shown_second: JudgedAnswer) -> JudgeQuestion:
    """What a judge is asked in one of the orders."""
    prompt = pair_prompt(shown_first.item, shown_first, shown_second)
    return JudgeQuestion(shown_first.item.id, prompt, lambda reply: read_pair_reply(reply).better is not None)


def pair_verdict(first: JudgedAnswer, second: JudgedAnswer, replies: tuple[str | RequestError, ...]) -> PairVerdict:
    """The verdict of a judge: `replies` to the question in this order, and in the other one."""
    failed = [reply for reply in replies if isinstance(reply, RequestError)]
    if failed:
        return _verdict(first, second, None, "nobody", problem=failed[0].message)
    straight, swapped = (read_pair_reply(reply) for reply in replies if isinstance(reply, str))
    orders = _winner(straight.better, _SAME), _winner(swapped.better, _SWAPPED)
    problem = straight.problem or swapped.problem
    winner: Winner | None = None if problem else orders[0] if orders[0] == orders[1] else "tie"
    reasons = straight.reason, swapped.reason
    return _verdict(first, second, winner, "judge", orders=orders, reasons=reasons, problem=problem)


def _without_judge(first: JudgedAnswer, second: JudgedAnswer) -> PairVerdict | None:
    """The verdict of the item's rules, or on answers that are the same; None where a judge is needed."""
    if (first.question, first.text) == (second.question, second.text):
        return _verdict(first, second, "tie", "same")
    rules = rules_verdict(first), rules_verdict(second)
    if rules[0] is None or rules[1] is None:
        return None
    scores = rules[0].score, rules[1].score
    if scores[0] is None or scores[1] is None:
        return _verdict(first, second, None, "nobody", problem=rules[0].problem or rules[1].problem)
    if scores[0] == scores[1] and first.item.needs_judge:
        return None
    winner: Winner = "tie" if scores[0] == scores[1] else "first" if scores[0] > scores[1] else "second"
    return _verdict(first, second, winner, "rules", reasons=(rules[0].reason, rules[1].reason))


def _winner(better: Better | None, names: Mapping[Better, Winner]) -> Winner | None:
    return None if better is None else names[better]


def _verdict(
    first: JudgedAnswer,
    second: JudgedAnswer,
    winner: Winner | None,
    by: PairBy,
    *,
    orders: tuple[Winner | None, ...] = (),
    reasons: tuple[str, ...] = (),
    problem: str = "",
) -> PairVerdict:
    answers, lengths = (first.digest, second.digest), (first.length, second.length)
    return PairVerdict(first.item.id, winner, by, orders, reasons, problem, answers, lengths)
