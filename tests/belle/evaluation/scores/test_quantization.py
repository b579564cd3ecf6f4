"""What fewer bits change: flips in both directions, scores, and the figures of belle measure beside them."""

from __future__ import annotations

import math

import pytest

from belle.errors import KnownError
from belle.evaluation.judge.verdicts import JudgedAnswer
from belle.evaluation.measurement import CandidateFigures, Measurement, ModelFigures
from belle.evaluation.scores.quantization import quantization_loss
from belle.evaluation.scores.report.examples import flips
from belle.evaluation.sources.model_files import files_digest
from tests.belle.evaluation.scores.made import items_of, scores_of, verdict

RULED = [f"r{n}" for n in range(20)]
JUDGED = [f"j{n}" for n in range(10)]


def figures(name: str, size: int = 100) -> ModelFigures:
    files = {f"{name}.gguf": f"{name} content"}
    return ModelFigures(f"{name}.gguf", name, files, "qwen3", "", size, 1, 4.5, 9, None, None, None, None, None, [], {})


def measurement(reference: str, *candidates: str) -> Measurement:
    of = [CandidateFigures(figures(name, 60), None, [], [], {}) for name in candidates]
    return Measurement(figures(reference), of, None, False, [], [], [], "", 0.0, None, {}, {})


def facts(name: str) -> dict[str, object]:
    return {"asked": {"model": files_digest({"f": f"{name} content"})}}


F16 = scores_of(
    "f16", *(verdict(name, 1.0, "rules") for name in RULED), *(verdict(name, 0.8) for name in JUDGED), **facts("f16")
)
Q4 = scores_of(
    "q4",
    *(verdict(name, 0.5 if n < 7 else 1.0, "rules", answer="other" if n < 7 else "") for n, name in enumerate(RULED)),
    *(verdict(name, 0.6 if n < 3 else 0.9 if n < 5 else 0.8) for n, name in enumerate(JUDGED)),
    **facts("q4"),
)
Q8 = scores_of(
    "q8", *(verdict(name, 1.0, "rules") for name in RULED), *(verdict(name, 0.8) for name in JUDGED), **facts("q8")
)


def test_flips_and_changes_are_counted_in_both_directions() -> None:
    loss = quantization_loss("f16", {"f16": F16, "q8": Q8, "q4": Q4}, [])
    q8, q4 = loss.models
    assert (q4.n_rules, q4.lost, q4.gained, q4.flips.value) == (20, 7, 0, pytest.approx(0.35))
    assert q4.flips_p == pytest.approx(2 / 2**7)
    assert q4.flips_adjusted_p == pytest.approx(2 * 2 / 2**7)  # of two candidates
    assert (q4.n_judged, q4.lower, q4.higher) == (10, 3, 2)
    assert q4.difference.value == pytest.approx((-7 * 0.5 - 3 * 0.2 + 2 * 0.1) / 30)
    assert q4.difference.high < 0
    assert q4.same_answer.value == pytest.approx(23 / 30)
    assert (q8.lost, q8.gained, q8.same_answer.value, q8.flips_adjusted_p) == (0, 0, 1.0, 1.0)
    back = quantization_loss("q4", {"f16": F16, "q4": Q4}, [])
    assert (back.models[0].lost, back.models[0].gained) == (0, 7)


def test_the_measured_figures_are_found_by_the_content_of_the_files() -> None:
    models = {"f16": F16, "other-name": scores_of("other-name", *Q4.verdicts.values(), **facts("q4"))}
    loss = quantization_loss("f16", models, [measurement("f16", "q8", "q4")])
    assert [(figure.name, figure.value) for figure in loss.models[0].measured] == [("Size", 60)]
    assert not loss.notes


def test_the_measured_figures_are_found_by_name_where_a_server_answered() -> None:
    models = {name: scores_of(name, *Q4.verdicts.values(), asked={"model": name}) for name in ("f16", "q4", "q2")}
    loss = quantization_loss("f16", models, [measurement("bf16", "q4")])
    assert [bool(model.measured) for model in loss.models] == [True, False]
    assert loss.notes == ["belle measure compared q4 with bf16.gguf.", "belle measure has no figures of q2."]


def test_a_file_of_the_same_name_and_another_content_is_not_taken_for_it() -> None:
    models = {"f16": F16, "q4": scores_of("q4", *Q4.verdicts.values(), **facts("newer"))}
    assert "no figures of q4" in quantization_loss("f16", models, [measurement("f16", "q4")]).notes[0]


@pytest.mark.parametrize("names", [["f16"], ["q4", "q8"]])
def test_a_reference_needs_scores_and_another_model(names: list[str]) -> None:
    with pytest.raises(KnownError, match="no scores of f16"):
        quantization_loss("f16", {name: {"f16": F16, "q4": Q4, "q8": Q8}[name] for name in names}, [])


def test_models_without_common_items_have_no_difference() -> None:
    loss = quantization_loss("f16", {"f16": F16, "q4": scores_of("q4", verdict("else", 1.0))}, [])
    assert math.isnan(loss.models[0].difference.value)


def test_the_worst_losses_are_shown_side_by_side() -> None:
    items = items_of(*RULED, *JUDGED).items
    before = [JudgedAnswer(item, "question", "right") for item in items]
    after = [JudgedAnswer(item, "question", "wrong\u202e") for item in items]
    found = flips(F16, Q4, before, after, 3)
    assert [example.scores for example in found] == [(1.0, 0.5)] * 3
    assert (found[0].before, found[0].after) == ("right", "wrong\\u202e")
