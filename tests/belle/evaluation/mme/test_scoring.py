"""Scores of MME: an answer is read and counted as its authors' tool does it, and pictures are drawn for intervals."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest

from belle.errors import KnownError
from belle.evaluation.mme.answers import AnswerPair, MmeAnswer
from belle.evaluation.mme.questions import TASKS, YesNo
from belle.evaluation.mme.report import json_document, markdown, page
from belle.evaluation.mme.scoring import read_yes_no, score_models


def pairs(*said: tuple[str, str]) -> list[AnswerPair]:
    """Answers to a first question, to which yes is right, and to a second, to which no is."""

    def one(number: int, question: str, right: YesNo, answer: str) -> MmeAnswer:
        return MmeAnswer(f"{number}.jpg", question, right, answer)

    return [(one(n, "a?", "yes", first), one(n, "b?", "no", second)) for n, (first, second) in enumerate(said)]


@pytest.mark.parametrize(
    ("answer", "reading"),
    [
        ("Yes", "yes"),
        ("YES, it is.", "yes"),
        ("no", "no"),
        ("No.", "no"),
        (" yes", "yes"),
        ("  yes", "other"),
        ("  no", "no"),
        ("Not sure", "no"),
        ("I know", "other"),
        ("It is. Yes.", "other"),
        ("noyes", "no"),
        ("nyes", "yes"),
        ("是", "other"),
        ("", "other"),
    ],
)
def test_an_answer_is_read_by_its_first_four_characters(answer: str, reading: str) -> None:
    assert read_yes_no(answer) == reading


def test_scores_are_those_of_the_formula() -> None:
    said = pairs(("yes", "no"), ("yes", "yes"), ("no", "yes"), ("perhaps", "no"))
    (result,) = score_models({"m": {"count": said, "code_reasoning": said[:2]}})
    count = result.tasks["count"]
    assert count.accuracy.value == 4 / 8
    assert count.accuracy_plus.value == 1 / 4
    assert count.score.value == 75.0
    assert (count.other, count.yes, count.n_pictures) == (1, 4, 4)
    assert result.sums["perception"].score.value == 75.0
    assert result.sums["cognition"].score.value == 75 + 50
    assert (result.sums["perception"].most, result.sums["cognition"].most) == (200, 200)


def test_random_answers_score_as_counted_one_by_one() -> None:
    chance = random.Random(3)
    for _ in range(50):
        words = ("Yes", "No", "?")
        said = pairs(*((chance.choice(words), chance.choice(words)) for _ in range(chance.randint(1, 9))))
        right = [[read_yes_no(answer.answer) == answer.right for answer in pair] for pair in said]
        score = 100 * sum(map(sum, right)) / (2 * len(right)) + 100 * sum(map(all, right)) / len(right)
        (result,) = score_models({"m": {"OCR": said}})
        assert result.tasks["OCR"].score.value == pytest.approx(score)


def test_all_sub_tasks_right_are_2000_and_800() -> None:
    (result,) = score_models({"m": {task: pairs(("Yes", "No")) for task in TASKS}})
    assert [(total.score.value, total.most) for total in result.sums.values()] == [(2000, 2000), (800, 800)]
    assert result.sums["perception"].score.low == 2000


def test_an_interval_comes_from_drawing_pictures() -> None:
    said = pairs(*[("yes", "no")] * 50, *[("no", "yes")] * 50)
    score = score_models({"m": {"count": said}})[0].tasks["count"].score
    # Mean of 100 pictures of 0 or 200 points: standard error 10, so about 100 ± 19.6.
    assert score.low == pytest.approx(80.4, abs=2)
    assert score.high == pytest.approx(119.6, abs=2)


def test_questions_of_one_picture_are_drawn_together() -> None:
    together = score_models({"m": {"count": pairs(*[("yes", "no")] * 20, *[("no", "yes")] * 20)}})[0].tasks["count"]
    apart = score_models({"m": {"count": pairs(*[("yes", "yes")] * 20, *[("no", "no")] * 20)}})[0].tasks["count"]
    assert together.accuracy.value == apart.accuracy.value == 0.5
    assert together.accuracy.high - together.accuracy.low > 0.25
    assert apart.accuracy.high == apart.accuracy.low


def test_models_are_compared_on_the_same_pictures() -> None:
    good = pairs(*[("yes", "no")] * 10, *[("no", "no")] * 10)
    worse = pairs(*[("yes", "no")] * 8, *[("yes", "yes")] * 2, *[("no", "no")] * 10)
    first, second = score_models({"good": {"count": good}, "worse": {"count": worse}})
    assert first.sums["perception"].difference is None
    change = second.sums["perception"].difference
    assert change is not None
    assert change.value == -15.0
    assert change.low < change.value < change.high <= 0
    assert change.low == -37.5  # 5 of 20 pictures drawn that lost 150 points each


def test_models_with_other_pictures_are_not_compared() -> None:
    with pytest.raises(KnownError, match="answered different questions"):
        score_models({"a": {"count": pairs(("yes", "no"))}, "b": {"count": pairs(("yes", "no"), ("yes", "no"))}})


def report_input() -> dict[str, dict[str, Sequence[AnswerPair]]]:
    said = pairs(("yes", "no"), ("hm", "no"))
    return {"<b>f16": {"count": said, "OCR": said}, "q4|0": {"count": said, "OCR": pairs(("yes", "no"), ("yes", "no"))}}


def test_every_form_of_the_report_has_the_sums_the_sub_tasks_and_other() -> None:
    results = score_models(report_input())
    text = markdown(results)
    assert "| <b>f16 | 250.00 |" in text
    assert "q4\\|0" in text
    assert "+75.00" in text
    assert "| count | 2 | 75.0 % |" in text
    html = page(results)
    assert "&lt;b&gt;f16" in html
    assert "<b>f16" not in html
    data = json.loads(json_document(results))
    assert [model["model"] for model in data["models"]] == ["<b>f16", "q4|0"]
    assert data["models"][0]["tasks"]["count"]["other"] == 1
