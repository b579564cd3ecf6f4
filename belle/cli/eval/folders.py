"""The folder of an evaluation: `answers` by model, `verdicts` by judge, `scores` by model."""

from __future__ import annotations

from pathlib import Path

from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.verdicts import JudgedAnswer, answers_of


def answers_by_model(folder: Path, items: EvaluationItems) -> dict[str, list[JudgedAnswer]]:
    """The answers in the folder of a run, of all shards; models without any are left out.

    Raises KnownError ("answers_of_another_run").
    """
    answers: dict[str, list[JudgedAnswer]] = {}
    for file in sorted((folder / "answers").glob("*.jsonl")):
        answers.setdefault(_model_of(file), []).extend(answers_of(items, file))
    return {name: found for name, found in answers.items() if found}


def _model_of(file: Path) -> str:
    """The name of the model, without that of a shard."""
    name, shard, _ = file.stem.partition("-of-")
    return name.rpartition("-")[0] if shard else name
