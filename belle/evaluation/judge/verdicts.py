"""Verdicts on answers: by an item's rules where it has some, else by a judge, whose replies are kept as they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from belle.clients.chat.answer_file import AnswerFile, answer_facts, read_answers
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply
from belle.clients.chat.requests import Decoding, RowRequest
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.items.checks import CodeCheck, code_in
from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.judge.prompts import JudgePrompt, JudgePrompts
from belle.evaluation.judge.sandbox import SandboxError, program_problem

By = Literal["rules", "judge", "nobody"]
_TRIES = 2
"""How often a judge is asked whose reply cannot be read."""


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """An answer to be scored.

    Attributes:
        item: that is answered.
        question: the conversation up to the answer.
        text: the answer.
    """

    item: EvaluationItem
    question: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score of an answer.

    Attributes:
        item: its id.
        score: 0…1; None where there is none.
        by: who decided.
        reason: why, in the judge's words, or the rules that were broken.
        problem: why there is no score; "" where there is one.
    """

    item: str
    score: float | None
    by: By
    reason: str = ""
    problem: str = ""


def rules_verdict(answer: JudgedAnswer) -> Verdict | None:
    """The verdict of the item's rules: the share that is kept. None for an item without rules."""
    checks = answer.item.checks
    if not checks:
        return None
    broken = []
    for check in checks:
        if isinstance(check, CodeCheck):
            try:
                problem = program_problem(code_in(answer.text), check.tests)
            except SandboxError as error:
                return Verdict(answer.item.id, None, "nobody", problem=error.message)
        else:
            problem = check.problem(answer.text)
        if problem:
            broken.append(problem)
    return Verdict(answer.item.id, 1 - len(broken) / len(checks), "rules", "; ".join(broken))


@dataclass(slots=True)
class JudgeRun:
    """Judges answers with one judge.

    Args:
        judge: who is asked.
        prompts: how.
        path: where the replies are kept; what is there is not asked again.
        decoding: of the judge.
    """

    judge: ModelAnswerer
    prompts: JudgePrompts
    path: Path
    decoding: Decoding = field(default_factory=lambda: Decoding(max_tokens=1024, seed=1))

    def verdicts(self, answers: Iterable[JudgedAnswer], on_reply: Callable[[], None] = lambda: None) -> list[Verdict]:
        """The verdicts on `answers`, in their order. Raises KnownError."""
        all_answers = list(answers)
        by_rules = [rules_verdict(answer) for answer in all_answers]
        asked = {
            index: self.prompts.prompt(answer.item, answer.question, answer.text)
            for index, answer in enumerate(all_answers)
            if by_rules[index] is None
        }
        replies = self._replies({index: (all_answers[index].item, prompt) for index, prompt in asked.items()}, on_reply)
        return [
            rules if rules is not None else self._verdict(all_answers[index].item, replies[index])
            for index, rules in enumerate(by_rules)
        ]

    def _replies(
        self, asked: Mapping[int, tuple[EvaluationItem, JudgePrompt]], on_reply: Callable[[], None]
    ) -> dict[int, str | RequestError]:
        """The reply to each prompt; one that cannot be read is asked for once more."""
        file = AnswerFile(self.path, self._identity(), keep_existing=True)
        known = {str(row["id"]): str(row["choices"][0]["text"]) for row in file.existing}
        failed: dict[str, RequestError] = {}

        def take(request: RowRequest, outcome: ChatReply | RequestError) -> None:
            file.add(request, outcome)
            if isinstance(outcome, ChatReply):
                known[request.id] = outcome.text
            else:
                failed[request.id] = outcome
            on_reply()

        replies: dict[int, str | RequestError] = {}
        open_prompts = dict(asked)
        try:
            for number in range(_TRIES):
                requests = {
                    index: self._request(item, prompt, number) for index, (item, prompt) in open_prompts.items()
                }
                # Two answers may be the same: their prompt is asked once.
                unique = {request.id: request for request in requests.values()}
                self.judge.answer(file.missing(unique.values()), take)
                for index, request in requests.items():
                    if request.id in known:
                        replies[index] = known[request.id]
                    elif index not in replies:
                        replies[index] = failed.get(request.id) or _nothing()
                # What could not be asked the client has tried already, or a batch asks it elsewhere.
                open_prompts = {
                    index: (item, prompt)
                    for index, (item, prompt) in open_prompts.items()
                    if isinstance(replies[index], str) and self._verdict(item, replies[index]).score is None
                }
        finally:
            file.close()
        return replies

    def _identity(self) -> dict[str, Any]:
        decoding = self.decoding
        return {
            "judge": dict(self.judge.identity),
            "prompts": self.prompts.name,
            "temperature": decoding.temperature,
            "max_tokens": decoding.max_tokens,
            "seed": decoding.seed,
        }

    def _request(self, item: EvaluationItem, prompt: JudgePrompt, number: int) -> RowRequest:
        # The id has the digest of the prompt: a reply belongs to this question, answer and rubric, and to no other.
        again = f"/{number + 1}" if number else ""
        return RowRequest(f"{item.id}/{prompt.digest}{again}", prompt.messages, prompt.schema, self.decoding)

    def _verdict(self, item: EvaluationItem, reply: str | RequestError) -> Verdict:
        if isinstance(reply, RequestError):
            return Verdict(item.id, None, "nobody", problem=reply.message)
        judgement = self.prompts.read(reply, item)
        return Verdict(item.id, judgement.score, "judge", judgement.reason, judgement.problem)


def answers_of(items: EvaluationItems, path: Path) -> Iterator[JudgedAnswer]:
    """The last answers in a file of `belle eval run`; what has none is left out.

    Raises KnownError ("answers_of_another_run") for answers to another set, and OSError.
    """
    run = answer_facts(path)
    if run.get("set") != items.digest:
        message = f"{path} has the answers to another set than {items.name}."
        raise KnownError("answers_of_another_run", message, "Give the set that was asked.", path=str(path))
    texts = {str(row["id"]): str(row["choices"][0]["text"]) for row in read_answers(path) if "failed" not in row}
    for item in items.items:
        last = f"{item.id}/{len(item.turns)}"
        if last in texts:
            before = [texts.get(f"{item.id}/{turn}", "") for turn in range(1, len(item.turns))]
            yield JudgedAnswer(item, conversation(item.turns, before), texts[last])


def conversation(turns: tuple[str, ...], answers: list[str]) -> str:
    """The question as a judge reads it: alone, or with what was said before it."""
    if len(turns) == 1:
        return turns[0]
    lines = []
    for number, turn in enumerate(turns):
        lines.append(f"用户：{turn}")
        if number < len(answers):
            lines.append(f"助手：{answers[number]}")
    return "\n".join(lines)


def _nothing() -> RequestError:
    return RequestError("not_asked", "the judge was not asked")
