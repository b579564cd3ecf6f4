"""Answers are scored by rules, and by a judge, who is asked once for each answer that rules alone do not score."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.clients.chat.client import RequestError
from belle.clients.chat.requests import RowRequest
from belle.evaluation.answers.answerer import BatchReader, BatchWriter, engine_answerer
from belle.evaluation.items.checks import CodeCheck, LengthCheck, NumberCheck
from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.judge import verdicts
from belle.evaluation.judge.prompts import OwnPrompts
from belle.evaluation.judge.sandbox import SandboxError, unconfined_reason
from belle.evaluation.judge.scores import read_scores, write_scores
from belle.evaluation.judge.self_checks import EMPTY, REFERENCE, SHUFFLED, known_answers
from belle.evaluation.judge.verdicts import JudgeRun, conversation, rules_verdict
from tests.belle.evaluation.judge.scripted import ScriptedJudge, judged

MATH = EvaluationItem("m", "math", ("1+1?",), "2", checks=(NumberCheck(2), LengthCheck(max=5)))
OPEN = EvaluationItem("o", "open qa", ("Why?",), "Because.")
FORM = EvaluationItem(
    "f", "generation", ("A short poem",), rubric=("rhymes", "is about rain"), checks=(LengthCheck(max=9),)
)
POEM = EvaluationItem("p", "generation", ("A poem",), rubric=("rhymes", "has four lines"))


def good(_: str) -> str:
    return '{"reason": "fine", "score": 0.75}'


@pytest.mark.parametrize(("text", "score"), [("2", 1.0), ("it is 2 I think", 0.5), ("3", 0.5), ("surely three", 0.0)])
def test_rules_give_the_share_that_is_kept(text: str, score: float) -> None:
    verdict = rules_verdict(judged(MATH, text))
    assert verdict is not None
    assert (verdict.score, verdict.by) == (score, "rules")
    assert bool(verdict.reason) == (score < 1)


@pytest.mark.skipif(unconfined_reason() is not None, reason="programs cannot be confined here")
def test_code_is_run_against_its_tests() -> None:
    item = EvaluationItem("c", "code", ("Write f",), checks=(CodeCheck("assert f(2) == 4"),))
    right, wrong = (judged(item, f"Sure:\n```python\ndef f(x): return {body}\n```") for body in ("x * x", "x + 1"))
    assert rules_verdict(right).score == 1.0  # type: ignore[union-attr]
    assert rules_verdict(wrong).score == 0.0  # type: ignore[union-attr]


def test_where_code_cannot_be_confined_there_is_no_score_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise SandboxError("cannot_confine", "Programs cannot be confined on this system.")

    monkeypatch.setattr(verdicts, "program_problem", refuse)
    item = EvaluationItem("c", "code", ("Write f",), checks=(CodeCheck("assert f(2) == 4"),))
    verdict = rules_verdict(judged(item, "def f(): pass"))
    assert verdict is not None
    assert (verdict.score, verdict.by) == (None, "nobody")
    assert "cannot be confined" in verdict.problem


def test_the_judge_is_asked_for_what_rules_do_not_decide(tmp_path: Path) -> None:
    judge = ScriptedJudge(good)
    found = JudgeRun(judge, OwnPrompts(), tmp_path / "v.jsonl").verdicts([judged(MATH, "2"), judged(OPEN, "So.")])
    assert [(one.item, one.score, one.by) for one in found] == [("m", 1.0, "rules"), ("o", 0.75, "judge")]
    assert len(judge.asked) == 1


@pytest.mark.parametrize(
    ("text", "met", "score", "rules"),
    [
        ("rain again", "[true, true]", 1.0, 1.0),
        ("rain again", "[true, false]", 2 / 3, 1.0),
        ("rain again and again", "[true, true]", 2 / 3, 0.0),
        ("rain again and again", "[false, false]", 0.0, 0.0),
    ],
)
def test_rules_and_the_sentences_of_a_rubric_count_alike(
    tmp_path: Path, text: str, met: str, score: float, rules: float
) -> None:
    judge = ScriptedJudge(lambda _: f'{{"reason": "so", "met": {met}}}')
    (verdict,) = JudgeRun(judge, OwnPrompts(), tmp_path / "v.jsonl").verdicts([judged(FORM, text)])
    assert (verdict.score, verdict.by, verdict.rules) == (pytest.approx(score), "both", rules)
    assert ("characters" in verdict.reason) == (rules < 1)
    write_scores(tmp_path / "m.json", {}, [verdict], {})
    assert read_scores(tmp_path / "m.json").verdicts["f"] == verdict


def test_rules_do_not_stand_in_for_a_judge_that_cannot_be_read(tmp_path: Path) -> None:
    judge = ScriptedJudge(lambda _: "no idea")
    (verdict,) = JudgeRun(judge, OwnPrompts(), tmp_path / "v.jsonl").verdicts([judged(FORM, "rain again")])
    assert (verdict.score, verdict.by, verdict.rules) == (None, "judge", 1.0)
    assert verdict.problem


def test_nothing_is_asked_twice_and_a_changed_answer_is_asked_anew(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    JudgeRun(ScriptedJudge(good), OwnPrompts(), path).verdicts([judged(OPEN, "So."), judged(OPEN, "So.")])
    again = ScriptedJudge(good)
    found = JudgeRun(again, OwnPrompts(), path).verdicts([judged(OPEN, "So."), judged(OPEN, "Otherwise.")])
    assert [verdict.score for verdict in found] == [0.75, 0.75]
    assert len(again.asked) == 1


def test_a_reply_that_cannot_be_read_is_asked_for_once_more_and_then_counted(tmp_path: Path) -> None:
    replies = iter(["I like it.", '{"reason": "ok", "score": 1}', "no", "never"])
    judge = ScriptedJudge(lambda _: next(replies))
    run = JudgeRun(judge, OwnPrompts(), tmp_path / "v.jsonl")
    first, second = run.verdicts([judged(OPEN, "A")])[0], run.verdicts([judged(OPEN, "B")])[0]
    assert first.score == 1.0
    assert (second.score, second.by) == (None, "judge")
    assert second.problem
    assert len(judge.asked) == 4
    assert "I like it." in (tmp_path / "v.jsonl").read_text(encoding="utf-8")  # recorded as it came


def test_a_judge_that_fails_leaves_no_score_and_says_why(tmp_path: Path) -> None:
    judge = ScriptedJudge(lambda _: RequestError("request_refused", "too long"))
    (verdict,) = JudgeRun(judge, OwnPrompts(), tmp_path / "v.jsonl").verdicts([judged(OPEN, "A")])
    assert (verdict.score, verdict.by, verdict.problem) == (None, "nobody", "too long")


def test_a_batch_asks_each_prompt_once_and_what_cannot_be_read_again(tmp_path: Path) -> None:
    def asked() -> list[RowRequest]:
        writer = BatchWriter("j")
        JudgeRun(writer, OwnPrompts(), tmp_path / "v.jsonl").verdicts(answers)
        return writer.requests

    answers = [judged(OPEN, "A"), judged(OPEN, "B")]
    first = asked()
    assert len(first) == len({request.id for request in first}) == 2
    texts = ['{"reason": "ok", "score": 1}', "I like it."]
    rows = {
        request.id: {"response": {"body": {"choices": [{"message": {"content": text}}]}}}
        for request, text in zip(first, texts, strict=True)
    }
    found = JudgeRun(BatchReader("j", rows), OwnPrompts(), tmp_path / "v.jsonl").verdicts(answers)
    assert [(verdict.score, verdict.by) for verdict in found] == [(1.0, "judge"), (None, "judge")]
    assert [request.id for request in asked()] == [f"{first[1].id}/2"]


def test_a_real_model_with_a_grammar_always_says_something_that_can_be_read(tmp_path: Path, starter: Path) -> None:
    with engine_answerer(starter, threads=1) as judge:
        run = JudgeRun(judge, OwnPrompts(), tmp_path / "v.jsonl")
        found = run.verdicts([judged(OPEN, "Because it is so."), judged(POEM, "Roses are red")])
    assert all(verdict.score is not None for verdict in found)


def test_known_answers_are_what_they_say() -> None:
    items = [
        EvaluationItem(f"{category}{number}", category, ("?",), f"ref {category} {number}")
        for category in ("open qa", "closed qa")
        for number in range(5)
    ]
    known = known_answers([*items, MATH, POEM], 6)
    assert {answer.item.category for answer in known[REFERENCE]} == {"open qa", "closed qa"}
    assert len(known[REFERENCE]) == len(known[EMPTY]) == len(known[SHUFFLED]) == 6
    assert all(answer.text == answer.item.reference for answer in known[REFERENCE])
    assert all(answer.text == "" for answer in known[EMPTY])
    for answer in known[SHUFFLED]:
        assert answer.text != answer.item.reference
        assert answer.text.startswith(f"ref {answer.item.category}")


def test_scores_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = JudgeRun(ScriptedJudge(good), OwnPrompts(), tmp_path / "v.jsonl").verdicts(
        [judged(MATH, "3"), judged(OPEN, "So.")]
    )
    path = tmp_path / "model.json"
    write_scores(path, {"judge_name": "judge"}, found, {REFERENCE: found[:1]})
    scores = read_scores(path)
    assert scores.model == "model"
    assert list(scores.verdicts.values()) == found
    assert scores.self_checks == {REFERENCE: found[:1]}


def test_a_conversation_is_judged_with_what_was_said_before() -> None:
    assert conversation(("Hi",), []) == "Hi"
    assert conversation(("Hi", "And?"), ["Hello"]) == "用户：Hi\n助手：Hello\n用户：And?"
