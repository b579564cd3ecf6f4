"""Items are asked turn after turn, once each, and a run goes on where it stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from belle.clients.chat.answer_file import RowShard, read_answers
from belle.clients.chat.bulk import Take
from belle.clients.chat.client import RequestError
from belle.clients.chat.replies import ChatReply, ReplyChoice
from belle.clients.chat.requests import Decoding, RowRequest
from belle.errors import KnownError
from belle.evaluation.answers.answerer import engine_answerer
from belle.evaluation.answers.run import AnswerOptions, answer_set
from belle.evaluation.items.item import EvaluationItem, EvaluationItems

ITEMS = EvaluationItems(
    "few",
    "d1",
    (
        EvaluationItem("a", "math", ("1+1?",), "2"),
        EvaluationItem("b", "multi-turn", ("Hi", "And?", "So?"), "x"),
        EvaluationItem("c", "math", ("2+2?",), "4"),
    ),
)


class Parrot:
    """Answers with what it was asked, all of it; `fails` on some, and ends after `most`."""

    def __init__(self, *, fails: Iterable[str] = (), most: int = 10_000) -> None:
        self.name = "parrot"
        self.identity = {"model": "p1"}
        self.asked: list[str] = []
        self._fails = set(fails)
        self._most = most

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        for request in requests:
            if len(self.asked) >= self._most:
                raise KnownError("endpoints_gone", "The server is gone.")
            self.asked.append(request.id)
            if request.id in self._fails:
                take(request, RequestError("request_refused", "too long"))
            else:
                text = "|".join(message["content"] for message in request.messages)
                take(request, ChatReply(request.id, (ReplyChoice(text, "stop"),), 1, 1))


def texts(path: Path) -> dict[str, str]:
    return {row["id"]: row["choices"][0]["text"] for row in read_answers(path) if "failed" not in row}


def test_later_turns_are_asked_with_the_answers_before_them(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    progress = answer_set(ITEMS, Parrot(), path, AnswerOptions(system="S"))
    assert (progress.done, progress.total) == (5, 5)
    assert texts(path) == {
        "a/1": "S|1+1?",
        "b/1": "S|Hi",
        "c/1": "S|2+2?",
        "b/2": "S|Hi|S|Hi|And?",
        "b/3": "S|Hi|S|Hi|And?|S|Hi|S|Hi|And?|So?",
    }


@pytest.mark.parametrize("most", range(5))
def test_a_run_that_breaks_anywhere_goes_on_with_what_is_missing(tmp_path: Path, most: int) -> None:
    path = tmp_path / "p.jsonl"
    first, second = Parrot(most=most), Parrot()
    with pytest.raises(KnownError):
        answer_set(ITEMS, first, path, AnswerOptions())
    progress = answer_set(ITEMS, second, path, AnswerOptions())
    assert (progress.done, progress.total) == (5, 5)
    assert sorted([*first.asked, *second.asked]) == ["a/1", "b/1", "b/2", "b/3", "c/1"]


def test_a_failed_turn_ends_its_conversation_alone_and_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    progress = answer_set(ITEMS, Parrot(fails=["b/2"]), path, AnswerOptions())
    assert (progress.done, progress.failed) == (3, {"b": "too long"})
    second = Parrot()
    assert answer_set(ITEMS, second, path, AnswerOptions()).done == 5
    assert second.asked == ["b/2", "b/3"]


@pytest.mark.parametrize(
    "other",
    [
        (replace(ITEMS, digest="d2"), AnswerOptions()),
        (ITEMS, AnswerOptions(system="Other")),
        (ITEMS, replace(AnswerOptions(), decoding=replace(AnswerOptions().decoding, temperature=1.0))),
    ],
    ids=["set", "system prompt", "decoding"],
)
def test_answers_of_another_run_are_not_mixed_with_these(
    tmp_path: Path, other: tuple[EvaluationItems, AnswerOptions]
) -> None:
    path = tmp_path / "p.jsonl"
    answer_set(ITEMS, Parrot(), path, AnswerOptions())
    with pytest.raises(KnownError) as caught:
        answer_set(other[0], Parrot(), path, other[1])
    assert caught.value.kind == "answers_of_another_run"


def test_shards_ask_every_item_once(tmp_path: Path) -> None:
    asked: list[str] = []
    for index in range(2):
        parrot = Parrot()
        answer_set(ITEMS, parrot, tmp_path / f"{index}.jsonl", AnswerOptions(shard=RowShard(index, 2)))
        asked += parrot.asked
    assert sorted(asked) == ["a/1", "b/1", "b/2", "b/3", "c/1"]


def test_a_real_model_answers_the_same_in_every_run(tmp_path: Path, starter: Path) -> None:
    options = AnswerOptions(decoding=replace(AnswerOptions().decoding, max_tokens=8, temperature=0.8))
    runs = []
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        with engine_answerer(starter, threads=1) as answerer:
            assert answer_set(ITEMS, answerer, path, options).done == 5
        runs.append(texts(path))
    assert runs[0] == runs[1]
    assert all(runs[0].values())


def test_several_questions_at_once_are_all_answered(tmp_path: Path, starter: Path) -> None:
    many = tuple(EvaluationItem(str(number), "math", (f"{number}+1?", "Sure?"), "x") for number in range(9))
    items = replace(ITEMS, items=(*many, EvaluationItem("long", "math", ("word " * 9000,), "x")))
    options = AnswerOptions(decoding=replace(AnswerOptions().decoding, max_tokens=6))
    path = tmp_path / "p.jsonl"
    with engine_answerer(starter, n_ctx=2048, threads=1, parallel=4) as answerer:
        progress = answer_set(items, answerer, path, options)
    assert (progress.done, progress.total) == (18, 19)
    assert list(progress.failed) == ["long"]
    assert len(texts(path)) == 18


def test_an_answer_that_is_stopped_is_none_and_the_next_one_is_given(starter: Path) -> None:
    request = RowRequest(
        "a", ({"role": "user", "content": "Count to a thousand."},), decoding=Decoding(max_tokens=1500)
    )
    outcomes: list[ChatReply | RequestError] = []
    with engine_answerer(starter, n_ctx=2048, threads=1) as answerer:
        threading.Timer(0.5, answerer.stop).start()
        answerer.answer([request], lambda _, outcome: outcomes.append(outcome))
        short = replace(request, id="b", decoding=Decoding(max_tokens=3))
        answerer.answer([short], lambda _, outcome: outcomes.append(outcome))
    assert isinstance(outcomes[0], RequestError)
    assert outcomes[0].kind == "stopped"
    assert isinstance(outcomes[1], ChatReply)


def test_a_question_that_is_too_long_fails_alone(tmp_path: Path, starter: Path) -> None:
    items = replace(ITEMS, items=(EvaluationItem("long", "math", ("word " * 9000,), "x"), *ITEMS.items[:1]))
    options = AnswerOptions(decoding=replace(AnswerOptions().decoding, max_tokens=4))
    with engine_answerer(starter, n_ctx=512, threads=1) as answerer:
        progress = answer_set(items, answerer, tmp_path / "p.jsonl", options)
    assert progress.done == 1
    assert list(progress.failed) == ["long"]
