"""Verdicts on answers: by an item's rules, and by a judge, whose replies are kept as they came.

| the item has | its score is |
|---|---|
| rules | the share of rules that are kept; no judge is asked |
| no rules | the judge's: the share of the rubric's sentences that hold, or a number |
| rules and a rubric | the share of both: rules and sentences count alike |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from belle.clients.chat.answer_file import answer_facts, answer_text, read_answers
from belle.clients.chat.client import RequestError
from belle.clients.chat.requests import Decoding
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.answers.run import turn_id
from belle.evaluation.items.checks import AnswerCheck, CodeCheck, code_in, length
from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.judge.anchors import answer_digest
from belle.evaluation.judge.prompts import JudgePrompts
from belle.evaluation.judge.replies import JudgeQuestion, JudgeReplies
from belle.evaluation.judge.sandbox import SandboxError, program_problem

By = Literal["rules", "judge", "both", "nobody"]


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

    @property
    def digest(self) -> str:
        """Of the text: what a verdict on it, or a person's decision, is known by."""
        return answer_digest(self.text)

    @property
    def length(self) -> int:
        """Characters, without white space."""
        return length(self.text, "characters")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score of an answer.

    Attributes:
        item: its id.
        score: 0…1; None where there is none.
        by: who decided.
        reason: why, in the judge's words, or the rules that were broken.
        problem: why there is no score; "" where there is one.
        answer: the digest of the answer.
        length: its characters, without white space.
        rules: the share of the item's rules that are kept; None where it has none.
    """

    item: str
    score: float | None
    by: By
    reason: str = ""
    problem: str = ""
    answer: str = ""
    length: int = 0
    rules: float | None = None


def rules_verdict(answer: JudgedAnswer) -> Verdict | None:
    """The verdict of the item's rules alone: the share that is kept. None for an item without rules."""
    checks = answer.item.checks
    if not checks:
        return None
    try:
        broken = [problem for check in checks if (problem := check_problem(check, answer.text))]
    except SandboxError as error:
        return _verdict_on(answer, None, "nobody", problem=error.message)
    share = 1 - len(broken) / len(checks)
    return _verdict_on(answer, share, "rules", "; ".join(broken), rules=share)


def check_problem(check: AnswerCheck, answer: str) -> str:
    """Why `answer` breaks a rule, a `CheckProblem`; "" where it keeps it.

    Raises SandboxError where its program cannot be run.
    """
    if isinstance(check, CodeCheck):
        return program_problem(code_in(answer), check.tests)
    return check.problem(answer)


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
        asked = [answer for answer in all_answers if answer.item.needs_judge]
        replies = iter(self._replies.ask([score_question(self.prompts, answer) for answer in asked], on_reply))
        verdicts = []
        for answer, rules in zip(all_answers, by_rules, strict=True):
            judged = self._verdict(answer, next(replies)) if answer.item.needs_judge else None
            verdicts.append(_together(answer.item, rules, judged))
        return verdicts

    @property
    def facts(self) -> dict[str, Any]:
        """What the verdicts depend on, besides the answers: the judge, its decoding and its prompts."""
        return {**self._replies.identity, "judge_name": self.judge.name, "prompts_digest": self.prompts.digest}

    @property
    def _replies(self) -> JudgeReplies:
        return JudgeReplies(self.judge, self.prompts.name, self.path, self.decoding)

    def _verdict(self, answer: JudgedAnswer, reply: str | RequestError) -> Verdict:
        if isinstance(reply, RequestError):
            return _verdict_on(answer, None, "nobody", problem=reply.message)
        judgement = self.prompts.read(reply, answer.item)
        return _verdict_on(answer, judgement.score, "judge", judgement.reason, judgement.problem)


def score_question(prompts: JudgePrompts, answer: JudgedAnswer) -> JudgeQuestion:
    """What a judge is asked about one answer. Raises KnownError for a class that the prompts do not know."""
    prompt = prompts.prompt(answer.item, answer.question, answer.text)
    return JudgeQuestion(answer.item.id, prompt, lambda reply: prompts.read(reply, answer.item).score is not None)


def known_scores(verdicts: Iterable[Verdict]) -> list[float]:
    """The scores of the verdicts that have one."""
    return [verdict.score for verdict in verdicts if verdict.score is not None]


def answers_of(items: EvaluationItems, path: Path) -> Iterator[JudgedAnswer]:
    """The last answers in a file of `belle eval run`; what has none is left out.

    Raises KnownError ("answers_of_another_run") for answers to another set, and OSError.
    """
    run = answer_facts(path)
    if not run:
        message = f"{path} is not a file of answers."
        raise KnownError("answers_of_another_run", message, "Ask again, or take it out of the folder.", path=str(path))
    if run.get("set") != items.digest:
        message = f"{path} has the answers to another set than {items.name}."
        raise KnownError("answers_of_another_run", message, "Give the set that was asked.", path=str(path))
    texts = {str(row["id"]): answer_text(row) for row in read_answers(path) if "failed" not in row}
    for item in items.items:
        last = turn_id(item, len(item.turns))
        if last in texts:
            before = [texts.get(turn_id(item, turn), "") for turn in range(1, len(item.turns))]
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


def _together(item: EvaluationItem, rules: Verdict | None, judged: Verdict | None) -> Verdict:
    """One verdict of the rules' and the judge's; without a score where one of the two has none."""
    if rules is None or judged is None:
        verdict = rules or judged
        assert verdict is not None, "an item without rules needs a judge"
        return verdict
    if rules.score is None:
        return rules
    if judged.score is None:
        return replace(judged, rules=rules.score)
    n_rules, n_sentences = len(item.checks), len(item.rubric)
    score = (n_rules * rules.score + n_sentences * judged.score) / (n_rules + n_sentences)
    reason = "; ".join(filter(None, (rules.reason, judged.reason)))
    return replace(judged, score=score, by="both", reason=reason, rules=rules.score)


def _verdict_on(
    answer: JudgedAnswer,
    score: float | None,
    by: By,
    reason: str = "",
    problem: str = "",
    *,
    rules: float | None = None,
) -> Verdict:
    return Verdict(answer.item.id, score, by, reason, problem, answer.digest, answer.length, rules)
