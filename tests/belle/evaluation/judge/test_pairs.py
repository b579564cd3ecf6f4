"""Two answers are compared in both orders; what does not agree is a tie, what cannot be read is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.clients.chat.client import RequestError
from belle.errors import KnownError
from belle.evaluation.answers.answerer import BatchWriter, engine_answerer
from belle.evaluation.items.checks import LengthCheck, NumberCheck
from belle.evaluation.items.item import EvaluationItem
from belle.evaluation.judge.pair_file import ModelPair, pair_file, read_pair, write_pair
from belle.evaluation.judge.pair_prompts import pair_prompt, read_pair_reply
from belle.evaluation.judge.pairs import PairRun, PairVerdict
from tests.belle.evaluation.judge.scripted import ScriptedJudge, judged, part

MATH = EvaluationItem("m", "math", ("1+1?",), "2", checks=(NumberCheck(2),))
OPEN = EvaluationItem("o", "open qa", ("Why?",), "Because.", rubric=("says because",))
TALK = EvaluationItem("t", "multi-turn", ("Hi", "And?"), rubric=("is polite",))


def says(better: object) -> str:
    return json.dumps({"reason": "so", "better": better})


def prefers_long(prompt: str) -> str:
    first, second = (len(part(prompt, name)) for name in ("回答一", "回答二"))
    return says("tie" if first == second else "1" if first > second else "2")


def compare(path: Path, judge: ScriptedJudge, first: str, second: str, item: EvaluationItem = OPEN) -> PairVerdict:
    (verdict,) = PairRun(judge, path / "v.jsonl").verdicts([judged(item, first)], [judged(item, second)])
    return verdict


@pytest.mark.parametrize(
    ("first", "second", "winner"), [("longer text", "short", "first"), ("no", "longest", "second"), ("a", "b", "tie")]
)
def test_a_judge_that_agrees_with_itself_in_both_orders_decides(
    tmp_path: Path, first: str, second: str, winner: str
) -> None:
    judge = ScriptedJudge(prefers_long)
    verdict = compare(tmp_path, judge, first, second)
    assert (verdict.winner, verdict.by, verdict.orders) == (winner, "judge", (winner, winner))
    assert len(judge.asked) == 2
    assert verdict.lengths == (len(first.replace(" ", "")), len(second.replace(" ", "")))


@pytest.mark.parametrize("always", ["1", "2"])
def test_a_judge_that_goes_by_the_place_gives_a_tie(tmp_path: Path, always: str) -> None:
    verdict = compare(tmp_path, ScriptedJudge(lambda _: says(always)), "one", "other")
    assert verdict.winner == "tie"
    assert set(verdict.orders) == {"first", "second"}


def test_a_preference_that_one_order_does_not_confirm_is_a_tie(tmp_path: Path) -> None:
    replies = iter([says("1"), says("tie")])
    assert compare(tmp_path, ScriptedJudge(lambda _: next(replies)), "one", "other").winner == "tie"


def test_rules_decide_before_the_judge_and_the_same_answer_is_a_tie(tmp_path: Path) -> None:
    judge = ScriptedJudge(prefers_long)
    assert compare(tmp_path, judge, "2", "it is three", MATH).winner == "first"
    assert compare(tmp_path, judge, "3", "it is 2", MATH).winner == "second"
    both_right = compare(tmp_path, judge, "2", "it is 2", MATH)
    assert (both_right.winner, both_right.by) == ("tie", "rules")
    assert compare(tmp_path, judge, "same", "same").by == "same"
    assert not judge.asked


def test_the_judge_decides_where_an_item_has_a_rubric_and_both_keep_its_rules(tmp_path: Path) -> None:
    item = EvaluationItem("f", "generation", ("A poem",), rubric=("rhymes",), checks=(LengthCheck(max=20),))
    judge = ScriptedJudge(prefers_long)
    assert compare(tmp_path, judge, "rain", "rain " * 9, item).by == "rules"
    assert not judge.asked
    longer = compare(tmp_path, judge, "rain", "rain again", item)
    assert (longer.winner, longer.by) == ("second", "judge")


def test_nothing_is_paid_for_twice_and_a_changed_answer_is_asked_anew(tmp_path: Path) -> None:
    first = ScriptedJudge(prefers_long)
    before = compare(tmp_path, first, "longer text", "short")
    again = ScriptedJudge(prefers_long)
    assert compare(tmp_path, again, "longer text", "short") == before
    assert not again.asked
    compare(tmp_path, again, "longer text", "shorter")
    assert len(again.asked) == 2


def test_a_reply_that_cannot_be_read_is_asked_once_more_then_counted_and_recorded(tmp_path: Path) -> None:
    def reply(prompt: str) -> str:
        return prefers_long(prompt) if "longer" in part(prompt, "回答一") else "Both are nice."

    judge = ScriptedJudge(reply)
    verdict = compare(tmp_path, judge, "longer text", "short")
    assert (verdict.winner, verdict.by, verdict.orders) == (None, "judge", ("first", None))
    assert "other than JSON" in verdict.problem
    assert len(judge.asked) == 3
    assert "Both are nice." in (tmp_path / "v.jsonl").read_text(encoding="utf-8")


def test_a_judge_that_fails_gives_no_winner_and_says_why(tmp_path: Path) -> None:
    verdict = compare(tmp_path, ScriptedJudge(lambda _: RequestError("timeout", "no answer in 600 s")), "a", "b")
    assert (verdict.winner, verdict.by, verdict.problem) == (None, "nobody", "no answer in 600 s")


def test_a_batch_asks_both_orders(tmp_path: Path) -> None:
    writer = BatchWriter("j")
    PairRun(writer, tmp_path / "v.jsonl").verdicts([judged(OPEN, "a")], [judged(OPEN, "b")])
    assert len({request.id for request in writer.requests}) == 2


def test_only_items_that_both_have_answered_are_compared(tmp_path: Path) -> None:
    run = PairRun(ScriptedJudge(prefers_long), tmp_path / "v.jsonl")
    verdicts = run.verdicts([judged(OPEN, "a"), judged(MATH, "2")], [judged(MATH, "3")])
    assert [verdict.item for verdict in verdicts] == ["m"]


def test_the_prompt_has_reference_and_rubric_and_each_conversation_where_they_differ() -> None:
    (message,) = pair_prompt(OPEN, judged(OPEN, "A"), judged(OPEN, "B")).messages
    assert part(message["content"], "参考答案") == "Because."
    assert "1. says because" in message["content"]
    assert part(message["content"], "问题") == "Why?"
    one, other = judged(TALK, "A", "用户：Hi\n助手：Yo"), judged(TALK, "B", "用户：Hi\n助手：Hello")
    (message,) = pair_prompt(TALK, one, other).messages
    assert part(message["content"], "回答一") == "用户：Hi\n助手：Yo\n助手：A"
    assert "<问题>" not in message["content"]


@pytest.mark.parametrize(
    ("reply", "better"),
    [
        ('好的：{"reason": "x", "better": "2"} 完', "2"),
        ('<think>{"better": "1"}?</think>{"better": "tie"}', "tie"),
        ('{"better": "1"} {"better": "2"}', None),
        ('{"better": 1}', None),
        ('{"better": "first"}', None),
        ("[[A]]", None),
        ("抱歉，我不能比较这两个回答。", None),
    ],
)
def test_a_preference_is_read_where_there_is_one_alone(reply: str, better: str | None) -> None:
    assert read_pair_reply(reply).better == better


@given(st.text())
def test_no_reply_breaks_the_reader(reply: str) -> None:
    judgement = read_pair_reply(reply)
    assert (judgement.better is None) == bool(judgement.problem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional={"better": JSON | st.sampled_from(["1", "2", "tie"]), "reason": JSON}), JSON)
def test_only_the_three_words_are_a_preference_whatever_else_is_said(value: dict[str, object], other: object) -> None:
    text = f"Well: {json.dumps(value)} ."
    judgement = read_pair_reply(text)
    better = value.get("better")
    assert judgement.better == (better if better in ("1", "2", "tie") and isinstance(better, str) else None)
    assert (judgement.better is None) == bool(judgement.problem)
    read_pair_reply(json.dumps(other))


def test_comparisons_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = PairRun(ScriptedJudge(prefers_long), tmp_path / "v.jsonl").verdicts(
        [judged(OPEN, "one"), judged(MATH, "2")], [judged(OPEN, "other"), judged(MATH, "3")]
    )
    path = pair_file(tmp_path, "a", "b")
    write_pair(path, ModelPair("a", "b", {"set": "d"}, found))
    assert read_pair(path) == ModelPair("a", "b", {"set": "d"}, found)


@pytest.mark.parametrize(
    "change", [{"winner": "both"}, {"orders": ["first"]}, {"by": 3}, {"lengths": [1]}, {"orders": 1}]
)
def test_damaged_comparisons_are_named(tmp_path: Path, change: dict[str, object]) -> None:
    found = PairRun(ScriptedJudge(prefers_long), tmp_path / "v.jsonl").verdicts(
        [judged(OPEN, "a")], [judged(OPEN, "b")]
    )
    path = pair_file(tmp_path, "a", "b")
    write_pair(path, ModelPair("a", "b", {}, found))
    document = json.loads(path.read_text(encoding="utf-8"))
    document["verdicts"][0] |= change
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(KnownError, match="is not a file of comparisons"):
        read_pair(path)


def test_a_real_model_with_a_grammar_always_says_something_that_can_be_read(tmp_path: Path, starter: Path) -> None:
    with engine_answerer(starter, threads=1) as judge:
        (verdict,) = PairRun(judge, tmp_path / "v.jsonl").verdicts([judged(OPEN, "Because.")], [judged(OPEN, "No.")])
    assert verdict.winner is not None


def test_each_two_models_have_a_file_of_their_own_that_a_disk_can_hold(tmp_path: Path) -> None:
    names = ["a", "a--b", "b--c", "c", "a-", "-b", "b", "模" * 80, "模" * 79 + "型", "x" * 200]
    files = {pair_file(tmp_path, first, second) for first in names for second in names}
    assert len(files) == len(names) ** 2
    assert all(len(file.name.encode()) <= 255 for file in files)
    assert pair_file(tmp_path, "a", "b").name == "a--b.json"
