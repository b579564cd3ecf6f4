"""The judge behind the page: asked for one case at a time, and told to stop when nobody waits for its reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from belle.clients.chat.client import RequestError
from belle.clients.chat.requests import Decoding
from belle.evaluation.answers.answerer import StoppableAnswerer
from belle.evaluation.judge.anchors import Winner
from belle.evaluation.judge.pair_prompts import PAIR_PROMPTS, pair_prompt, read_pair_reply
from belle.evaluation.judge.pairs import pair_question, pair_verdict
from belle.evaluation.judge.prompts import JudgePrompts, JudgeReplyError, reply_object
from belle.evaluation.judge.replies import JudgeQuestion, JudgeReplies
from belle.evaluation.judge.verdicts import score_question
from belle.evaluation.page.cases import SIDES, ShownAnswer, ShownCase, Side

T = TypeVar("T")

_STOPPING_S = 0.2
"""Between two requests to stop: the first may come before there is anything to be stopped."""


@dataclass(frozen=True, slots=True)
class JudgeOpinion:
    """What a judge was asked, and what it said.

    Attributes:
        sides: the answers that it was shown, in their order.
        messages: that it is sent.
        reply: as it came; None where it was not asked, or did not reply.
        json: the JSON in the reply, indented; "" where there is none.
        score: of the one answer, 0…1; None where it says none.
        better: of two answers, `left`, `right` or `tie`; None where it says nothing.
        reason: in the judge's words.
        problem: why there is no score or choice, a clause that follows “the judge ”, or a sentence where it did not
            reply; "" where there is one.
    """

    sides: tuple[Side, ...]
    messages: tuple[Mapping[str, str], ...]
    reply: str | None = None
    json: str = ""
    score: float | None = None
    better: str | None = None
    reason: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class JudgeOpinions:
    """The opinions on a case: one, or of two answers one in each order.

    Attributes:
        winner: of two answers, what both orders say, a tie where they differ; None where it is not known.
    """

    opinions: tuple[JudgeOpinion, ...]
    winner: str | None = None


class PageJudge:
    """Judges one case at a time.

    Args:
        judge: who is asked.
        prompts: how it is asked about one answer.
        replies: the beginning of the paths where replies are kept; what is there is not asked again.
        decoding: of the judge.
    """

    def __init__(self, judge: StoppableAnswerer, prompts: JudgePrompts, replies: Path, decoding: Decoding) -> None:
        self.name = judge.name
        self.prompts = prompts
        self._judge = judge
        score_file = replies.with_name(f"{replies.name}-{prompts.name}.jsonl")
        pair_file = replies.with_name(f"{replies.name}-pairs.jsonl")
        self._scores = JudgeReplies(judge, prompts.name, score_file, decoding)
        self._pairs = JudgeReplies(judge, PAIR_PROMPTS, pair_file, decoding)
        self._free = asyncio.Lock()

    async def opinions(self, case: ShownCase) -> JudgeOpinions:
        """Ask about a case that is complete. Cancelling it stops the judge. Raises KnownError."""
        if not case.view.is_pair:
            (shown,) = case.answers
            question = score_question(self.prompts, shown.answer)
            replies = await self._ask(self._scores, [question])
            return JudgeOpinions((_score_opinion(self.prompts, shown, question, replies[0]),))
        left, right = (shown.answer for shown in case.answers)
        questions = [pair_question(left, right), pair_question(right, left)]
        replies = await self._ask(self._pairs, questions)
        verdict = pair_verdict(left, right, (replies[0], replies[1]))
        opinions = tuple(
            _pair_opinion(sides, question, reply)
            for sides, question, reply in zip((SIDES, SIDES[::-1]), questions, replies, strict=True)
        )
        return JudgeOpinions(opinions, _side(verdict.winner))

    async def _ask(self, replies: JudgeReplies, questions: list[JudgeQuestion]) -> list[str | RequestError]:
        async with self._free:
            return await _in_thread(lambda: replies.ask(questions), self._judge.stop)


def unasked(prompts: JudgePrompts, case: ShownCase) -> JudgeOpinions:
    """What a judge would be asked about a case that is complete. Raises KnownError."""
    if not case.view.is_pair:
        (shown,) = case.answers
        return JudgeOpinions((JudgeOpinion(("left",), score_question(prompts, shown.answer).prompt.messages),))
    left, right = (shown.answer for shown in case.answers)
    straight, swapped = pair_prompt(case.item, left, right), pair_prompt(case.item, right, left)
    return JudgeOpinions((JudgeOpinion(SIDES, straight.messages), JudgeOpinion(SIDES[::-1], swapped.messages)))


async def _in_thread(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """What `work` returns; when this is cancelled, it is told to `stop`, and waited for."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            stop()
            await asyncio.wait({task}, timeout=_STOPPING_S)
        task.exception()  # nobody wants to know any more
        raise


def _score_opinion(
    prompts: JudgePrompts, shown: ShownAnswer, question: JudgeQuestion, reply: str | RequestError
) -> JudgeOpinion:
    messages = question.prompt.messages
    if isinstance(reply, RequestError):
        return JudgeOpinion(("left",), messages, problem=reply.message)
    said = prompts.read(reply, shown.answer.item)
    return JudgeOpinion(
        ("left",), messages, reply, _json_in(reply, question), said.score, None, said.reason, said.problem
    )


def _pair_opinion(sides: tuple[Side, Side], question: JudgeQuestion, reply: str | RequestError) -> JudgeOpinion:
    messages = question.prompt.messages
    if isinstance(reply, RequestError):
        return JudgeOpinion(sides, messages, problem=reply.message)
    said = read_pair_reply(reply)
    better = {"1": sides[0], "2": sides[1], "tie": "tie", None: None}[said.better]
    return JudgeOpinion(sides, messages, reply, _json_in(reply, question), None, better, said.reason, said.problem)


def _side(winner: Winner | None) -> str | None:
    return {"first": "left", "second": "right", "tie": "tie", None: None}[winner]


def _json_in(reply: str, question: JudgeQuestion) -> str:
    try:
        return json.dumps(reply_object(reply, question.prompt.decision), ensure_ascii=False, indent=2)
    except JudgeReplyError:
        return ""
