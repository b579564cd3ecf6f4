"""A model is asked every question once, also over an interruption; its answers are kept as MME's tool reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from belle.evaluation.mme.answers import read_answers
from belle.evaluation.mme.ask import ask_all
from belle.evaluation.mme.questions import own_folder, read_pictures
from belle.evaluation.mme.scoring import score_models

PICTURES = read_pictures(own_folder())[:4]
RIGHT = {(p.path, q.text): q.answer for p in PICTURES for q in p.questions}


class Knowing:
    """Answers rightly, and fails after so many questions."""

    name = "knowing"

    def __init__(self, lasts: int = 10**9, **identity: Any) -> None:
        self.asked = 0
        self.identity: Mapping[str, Any] = identity
        self._lasts = lasts

    def answer(self, picture: Path, question: str) -> str:
        if self.asked == self._lasts:
            raise KeyboardInterrupt
        self.asked += 1
        return RIGHT[picture, question].capitalize() + ".\nIndeed."


def test_all_are_asked_and_the_answers_are_written(tmp_path: Path) -> None:
    answers = ask_all(PICTURES, Knowing(), tmp_path)
    (result,) = score_models({"m": answers})
    assert result.sums["perception"].score.value == 200
    (again,) = score_models({"m": read_answers(tmp_path)})
    assert again == result


def test_an_interrupted_run_asks_the_rest_alone(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ask_all(PICTURES, Knowing(3), tmp_path)
    second = Knowing()
    ask_all(PICTURES, second, tmp_path)
    assert second.asked == 5


def test_answers_of_another_model_are_not_taken(tmp_path: Path) -> None:
    ask_all(PICTURES, Knowing(model="one"), tmp_path)
    other = Knowing(model="two")
    ask_all(PICTURES, other, tmp_path)
    assert other.asked == 8
