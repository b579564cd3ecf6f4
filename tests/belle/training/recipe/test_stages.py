"""The table of stages: complete, true, and the only place that knows a stage by its name."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from belle.data.rows import Kind, stages_for
from belle.training.recipe.schema import Recipe
from belle.training.recipe.stages import STAGES, StageName

ROOT = Path(__file__).parents[4]


def test_every_name_of_a_stage_has_a_row() -> None:
    assert list(STAGES) == list(get_args(StageName))


@pytest.mark.parametrize("name", STAGES)
def test_the_module_of_a_stage_runs_a_recipe(name: StageName) -> None:
    run = importlib.import_module(STAGES[name].module).run
    assert inspect.signature(run, eval_str=True).parameters["recipe"].annotation is Recipe


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_stages_of_a_kind_of_data_are_those_of_the_table(kind: Kind) -> None:
    stages = set(stages_for(kind).split(" or "))
    assert stages == {name for name, stage in STAGES.items() if kind in stage.kinds}


@pytest.mark.parametrize("name", STAGES)
def test_the_traits_of_a_stage_are_consistent(name: StageName) -> None:
    stage = STAGES[name]
    assert (stage.sequences == 2) == ("preference" in stage.kinds)
    assert stage.packs == "never" or stage.next_token
    assert (stage.packs != "never") == (stage.next_token and not stage.sees_pictures and not stage.hears)
    assert stage.sees_pictures == ("picture" in stage.kinds)
    assert stage.hears == (stage.kinds == ("speech",))
    assert not (stage.chats and stage.scores)
    assert stage.renders_chats or not stage.chats


def compared_names(file: Path) -> Iterator[str]:
    """Names of stages that a file compares something called `stage` with."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("stage"):
            for part in node.comparators:
                for constant in ast.walk(part):
                    if isinstance(constant, ast.Constant) and constant.value in STAGES:
                        yield f"{file}:{node.lineno}: {constant.value}"


def test_nothing_asks_for_a_stage_by_its_name() -> None:
    comparisons = [name for file in (ROOT / "belle").rglob("*.py") for name in compared_names(file)]
    assert comparisons == []
