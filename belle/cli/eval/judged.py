"""What “belle eval judge” has left in folders, and the answers that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.cli.eval.folders import answers_by_model, check_folder, costs_by_model
from belle.errors import KnownError
from belle.evaluation.answers.turn_costs import TurnCosts
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.pair_file import ModelPair, read_pair
from belle.evaluation.judge.scores import ModelScores, read_scores
from belle.evaluation.judge.verdicts import JudgedAnswer
from belle.evaluation.scores.conditions import check_same_set


@dataclass(frozen=True, slots=True)
class JudgedFolders:
    """Of one folder or several.

    Attributes:
        scores, answers: by model.
        pairs: in the order of their names.
        costs: of the turns of models that answered by a strategy.
    """

    scores: Mapping[str, ModelScores]
    pairs: Sequence[ModelPair]
    answers: Mapping[str, Sequence[JudgedAnswer]]
    costs: Mapping[str, TurnCosts]


def read_judged(folders: Sequence[Path], items: EvaluationItems, set_name: str) -> JudgedFolders:
    """All that the folders have.

    Raises KnownError: those of `check_folder`, "no_scores" for a folder without any, "usage" for a model in two of the
    folders, "scores_of_other_answers" where answers have changed since they were judged.
    """
    scores: dict[str, ModelScores] = {}
    pairs: list[ModelPair] = []
    answers: dict[str, list[JudgedAnswer]] = {}
    for folder in folders:
        check_folder(folder)
        files = sorted((folder / "scores").glob("*.json"))
        if not files:
            judge = f"belle eval judge {folder} --set {set_name} --judge MODEL"
            raise KnownError("no_scores", f"{folder} has no scores.", f"Judge first: {judge}")
        for file in files:
            model = read_scores(file)
            if model.model in scores:
                message = f"Two of the folders have a model named {model.model}."
                raise KnownError("usage", message, "Report the folders one by one.")
            scores[model.model] = model
        pairs += map(read_pair, sorted((folder / "pairs").glob("*.json")))
    for model in scores.values():  # said in better words than of its answers
        check_same_set(model.model, model.facts, items.digest, items.name)
    costs: dict[str, TurnCosts] = {}
    for folder in folders:
        answers |= answers_by_model(folder, items)
        costs |= costs_by_model(folder, items)
    _check_answers(scores, pairs, answers)
    return JudgedFolders(scores, pairs, answers, costs)


def _check_answers(
    scores: Mapping[str, ModelScores], pairs: Sequence[ModelPair], answers: Mapping[str, Sequence[JudgedAnswer]]
) -> None:
    """Raise KnownError where a verdict is about another answer than the folder has now."""
    digests = {(model, answer.item.id): answer.digest for model, given in answers.items() for answer in given}
    judged = [
        (name, verdict.item, verdict.answer) for name, model in scores.items() for verdict in model.verdicts.values()
    ]
    for pair in pairs:
        for side, name in enumerate((pair.first, pair.second)):
            judged += [(name, verdict.item, verdict.answers[side]) for verdict in pair.verdicts]
    for model, item, digest in judged:
        if digests.get((model, item), digest) != digest:
            message = f"The answer of {model} to {item} has changed since it was judged."
            advice = "Judge again: belle eval judge; what has not changed is not asked again."
            raise KnownError("scores_of_other_answers", message, advice)
