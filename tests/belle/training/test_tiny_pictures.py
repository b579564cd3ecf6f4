"""The tiny model that sees, trained as its recipes say, answers about drawn shapes that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.evaluation.makers.pictures.__main__ import OWN, own_set, write_training
from belle.evaluation.mme.ask import MOST_TOKENS
from belle.training.recipe.load import load_recipe
from belle.training.stages.run import run_recipe
from tests.belle.training.runs import ROOT, metrics

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
GUESSED = 15 / 6 + 15 / 6 + 15 / 12 + 15 / 30
"""Right answers, of 60, of somebody who knows what can be answered and sees nothing: six numbers, six colours, four
sides of three other shapes, thirty words."""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_it_answers_better_than_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from belle.training.export.picture_answerer import SeeingCheckpoint

    monkeypatch.chdir(tmp_path)
    write_training(tmp_path / "build/tiny/pictures", 4000)
    final = run_recipe(load_recipe(ROOT / "train/tiny/vl_instruct.yaml"))
    losses = metrics(final.parent, "loss")
    assert sum(losses[-10:]) < 0.3 * sum(losses[:10])
    model = SeeingCheckpoint(str(final), name="tiny", max_tokens=MOST_TOKENS)
    right = {
        task: sum(
            model.answer(OWN / task / f"{number:04}.png", scene.open[0]) == scene.open[1]
            for number, scene in enumerate(drawn, 1)
        )
        for task, drawn in own_set().items()
    }
    assert sum(right.values()) > 3 * GUESSED, right
