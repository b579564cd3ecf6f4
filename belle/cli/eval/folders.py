"""The folder of an evaluation: `answers` by model, `verdicts` by judge, `scores` by model."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import Any

from belle import path_guard
from belle.clients.chat.answer_file import answer_facts, read_answers
from belle.errors import KnownError
from belle.evaluation.answers.turn_costs import TurnCosts, turn_costs
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.verdicts import JudgedAnswer, answers_of

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def check_folder(folder: Path) -> None:
    """Raise KnownError where `folder` is not one that can be read."""
    if not path_guard.exists(folder):
        raise KnownError("file_missing", f"The folder {folder} does not exist.", "Check the path.", path=str(folder))
    if not folder.is_dir():
        message = f"{folder} is a file, not a folder."
        raise KnownError("not_a_folder", message, "Give the folder of “belle eval run”.", path=str(folder))


def answers_by_model(folder: Path, items: EvaluationItems) -> dict[str, list[JudgedAnswer]]:
    """The answers in the folder of a run, of all shards, each item once; models without any are left out.

    Raises KnownError: those of `check_folder`, "answers_of_another_run", also where the files of a model were not asked
    in the same way.
    """
    check_folder(folder)
    answers: dict[str, dict[str, JudgedAnswer]] = {}
    first: dict[str, Path] = {}
    for file in sorted((folder / "answers").glob("*.jsonl")):
        model = model_of(file.stem)
        _check_same_run(first.setdefault(model, file), file)
        answers.setdefault(model, {}).update({answer.item.id: answer for answer in answers_of(items, file)})
    return {model: list(by_item.values()) for model, by_item in answers.items() if by_item}


def run_facts(folder: Path) -> dict[str, dict[str, Any]]:
    """How each model in the folder of a run was asked: what the first line of its answers says.

    Raises KnownError ("answers_of_another_run") where the files of a model differ in it.
    """
    first: dict[str, Path] = {}
    for file in sorted((folder / "answers").glob("*.jsonl")):
        _check_same_run(first.setdefault(model_of(file.stem), file), file)
    return {model: answer_facts(file) for model, file in first.items()}


def costs_by_model(folder: Path, items: EvaluationItems) -> dict[str, TurnCosts]:
    """What the turns in the folder of a run have cost, of all shards; models that used no strategy are left out."""
    files: dict[str, list[Path]] = defaultdict(list)
    for file in sorted((folder / "answers").glob("*.jsonl")):
        files[model_of(file.stem)].append(file)
    ids = [item.id for item in items.items]
    costs = {model: turn_costs(chain.from_iterable(map(read_answers, of)), ids) for model, of in files.items()}
    return {model: cost for model, cost in costs.items() if cost.turns}


def model_of(stem: str) -> str:
    """The name of a model, from that of a file of its answers or weights: without the number of a shard."""
    return _SHARD.sub("", stem)


def _check_same_run(first: Path, file: Path) -> None:
    if answer_facts(file) != answer_facts(first):
        message = f"{file.name} and {first.name} have answers of the same model that was asked in different ways."
        raise KnownError("answers_of_another_run", message, "Move one of them into a folder of its own.")
