"""Decisions: what a person sees is what is stored, whichever side it stood on, and it is on the disk at once."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.anchors import answer_digest, read_anchors
from belle.evaluation.judge.prompts import OwnPrompts, read_belle_prompts
from belle.evaluation.judge.verdicts import JudgedAnswer
from belle.evaluation.page.cases import CaseFinder, CaseView, ShownAnswer, ShownCase
from belle.evaluation.page.decisions import Choice, Decisions
from belle.evaluation.page.judging import unasked
from tests.belle.evaluation.page.conftest import A, B, PageProcess, page_process, write_run

ITEMS = EvaluationItems("few", "digest", tuple(EvaluationItem(f"i{n}", "math", ("?",), "1") for n in range(400)))
BELLE = Path(os.environ.get("BELLE_EVAL_SET", ""))
CHOICES: list[Choice] = ["left", "right", "tie"]


@cache
def finder(by: str = "li") -> CaseFinder:
    answers = {name: [JudgedAnswer(item, "?", f"{name} to {item.id}") for item in ITEMS.items] for name in (A, B)}
    return CaseFinder(ITEMS, answers, by)


def models(case: ShownCase) -> list[str]:
    return [shown.model for shown in case.answers]


def test_sides_are_drawn_for_each_item_about_half_and_half_and_always_the_same() -> None:
    cases = [finder().case(item, CaseView(A, B)) for item in ITEMS.items]
    left = Counter(models(case)[0] for case in cases)
    assert 150 < left[A] < 250
    assert [models(finder().case(item, CaseView(A, B))) for item in ITEMS.items] == [models(case) for case in cases]
    assert [models(finder().case(item, CaseView(B, A))) for item in ITEMS.items] == [models(case) for case in cases]
    assert [models(finder("wang").case(item, CaseView(A, B))) for item in ITEMS.items] != [models(c) for c in cases]


def test_a_model_is_drawn_for_each_item_where_none_is_named() -> None:
    drawn = Counter(models(finder().case(item, CaseView()))[0] for item in ITEMS.items)
    assert 150 < drawn[A] < 250
    assert drawn[A] + drawn[B] == 400


def test_with_names_the_sides_are_as_they_were_chosen() -> None:
    assert {tuple(models(finder().case(item, CaseView(B, A, blind=False)))) for item in ITEMS.items} == {(B, A)}


views = st.sampled_from(
    [CaseView(first, second, blind) for first, second in ((A, B), (B, A)) for blind in (True, False)]
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ITEMS.items), views, views, st.sampled_from(CHOICES))
def test_what_was_chosen_is_stored_by_model_and_shown_by_side(
    tmp_path_factory: pytest.TempPathFactory, item: EvaluationItem, view: CaseView, later: CaseView, choice: Choice
) -> None:
    path = tmp_path_factory.mktemp("anchors") / "anchors.jsonl"
    shown = finder().case(item, view)
    Decisions(path, ITEMS.digest, "li").decide_pair(shown, choice)
    (pair,) = read_anchors(path).pairs
    assert (pair.first, pair.second) == (view.first, view.second)
    winner = {"first": pair.first, "second": pair.second, "tie": "tie"}[str(pair.winner)]
    assert winner == ("tie" if choice == "tie" else models(shown)[CHOICES.index(choice)])
    again = finder().case(item, later)
    side = Decisions(path, ITEMS.digest, "li").choice(again)
    assert side == ("tie" if choice == "tie" else CHOICES[models(again).index(winner)])
    assert Decisions(path, ITEMS.digest, "wang").choice(again) is None
    assert Decisions(path, "another set", "li").choice(again) is None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(range(3)), st.sampled_from([0.0, 0.5, 1.0, None])), max_size=8))
def test_undoing_everything_leaves_nothing_decided(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float | None]]
) -> None:
    path = tmp_path_factory.mktemp("anchors") / "anchors.jsonl"
    cases = [finder().case(item, CaseView(A)) for item in ITEMS.items[:3]]
    decisions = Decisions(path, ITEMS.digest, "li")
    states = [[decisions.score(case) for case in cases]]
    for number, score in steps:
        decisions.decide_score(cases[number], score)
        states.append([decisions.score(case) for case in cases])
        assert [Decisions(path, ITEMS.digest, "li").score(case) for case in cases] == states[-1]
    for number, _ in reversed(steps):
        states.pop()
        assert decisions.undo() == cases[number].item.id
        assert [decisions.score(case) for case in cases] == states[-1]
        assert [Decisions(path, ITEMS.digest, "li").score(case) for case in cases] == states[-1]
    with pytest.raises(KnownError, match="Nothing was decided"):
        decisions.undo()


def test_a_score_of_one_answer_is_none_of_another(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "anchors.jsonl", ITEMS.digest, "li")
    item = ITEMS.items[0]
    decisions.decide_score(finder().case(item, CaseView(A)), 0.7)
    assert decisions.score(finder().case(item, CaseView(A))) == 0.7
    assert decisions.score(finder().case(item, CaseView(B))) is None
    changed = ShownCase(item, True, CaseView(A), (ShownAnswer(A, JudgedAnswer(item, "?", "another")),))
    assert decisions.score(changed) is None


def test_what_cannot_be_written_is_not_taken_for_decided(tmp_path: Path) -> None:
    decisions = Decisions(tmp_path / "file" / "anchors.jsonl", ITEMS.digest, "li")
    (tmp_path / "file").touch()
    case = finder().case(ITEMS.items[0], CaseView(A))
    with pytest.raises(KnownError):
        decisions.decide_score(case, 1.0)
    assert decisions.score(case) is None


def test_a_decision_about_other_answers_than_those_shown_is_refused(page: PageProcess) -> None:
    request = {"item": "sum", "first": A, "score": 1, "shown": ["of another answer"]}
    response = page.post("decide", request)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "case_changed")


def test_the_page_goes_on_where_it_was_left(tmp_path: Path) -> None:
    options = [str(tmp_path), "--set", str(write_run(tmp_path))]
    pair = {"item": "sky", "first": B, "second": A, "blind": True}
    with page_process(tmp_path, *options) as page:
        shown = [answer["digest"] for answer in page.post("case", pair).json()["answers"]]
        page.post("decide", {**pair, "choice": "left", "shown": shown})
        assert len(page.anchors()) == 1
    path = tmp_path / "anchors.jsonl"
    path.write_bytes(path.read_bytes() + b"damaged\n")
    with page_process(tmp_path, *options) as page:
        session = page.get("/api/session", **page.headers).json()
        assert (session["latest"], session["unreadable"]) == ({"item": "sky", "first": B, "second": A}, 1)
        assert page.post("case", pair).json()["decision"] == {"score": None, "choice": "left"}
        assert page.post("items", pair).json()["n_done"] == 1
        assert page.post("undo", {}).json()["error"]["code"] == "nothing_to_undo"


def test_without_a_run_answers_are_pasted_and_the_progress_counts_items(tmp_path: Path) -> None:
    options = ["--set", str(write_run(tmp_path)), "--anchors", str(tmp_path / "anchors.jsonl")]
    with page_process(tmp_path, *options) as page:
        assert page.post("items", {}).json()["n_open"] == 5
        request = {"item": "sky", "answers": [{"text": "Because.", "model": "elsewhere"}]}
        page.post("decide", {**request, "score": 1, "shown": [answer_digest("Because.")]})
        listed = page.post("items", {"only_open": True}).json()
        assert (listed["n_done"], listed["n_open"], len(listed["rows"])) == (1, 4, 4)
        assert page.anchors()[0]["model"] == "elsewhere"


@pytest.mark.skipif(not BELLE.is_file(), reason="BELLE_EVAL_SET names no file")
def test_all_of_belles_items_can_be_scored(tmp_path: Path) -> None:
    items = read_set(str(BELLE))
    assert len(items.items) == 1000
    for prompts in (OwnPrompts(), read_belle_prompts(BELLE.with_name("eval_prompt.json"))):
        for item in items.items:
            answers = [ShownAnswer(name, JudgedAnswer(item, item.turns[0], name)) for name in (A, B)]
            for view, shown in ((CaseView(A), answers[:1]), (CaseView(A, B), answers)):
                case = ShownCase(item, True, view, tuple(shown))
                assert all(item.turns[0] in o.messages[0]["content"] for o in unasked(prompts, case).opinions)
    with page_process(tmp_path, "--set", str(BELLE), "--anchors", str(tmp_path / "anchors.jsonl")) as page:
        listed = page.post("items", {}).json()["rows"]
        assert [row["id"] for row in listed] == [item.id for item in items.items]
        for row in listed:
            request = {"item": row["id"], "answers": [{"text": "An answer."}]}
            digests = [answer_digest("An answer.")]
            assert page.post("decide", {**request, "score": 0.5, "shown": digests}).json()["score"] == 0.5
        assert len(page.anchors()) == 1000
