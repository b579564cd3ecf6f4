"""The options that a recipe hands to each room: keys of the recipe under their own names, with their own types."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from belle.training.engines.options import EngineOptions
from belle.training.estimate.plan import PlanOptions
from belle.training.loop.data import DataOptions
from belle.training.loop.loop import LoopOptions
from belle.training.model.options import ModelOptions
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from tests.belle.training.runs import recipe_file

ROOMS = [EngineOptions, PlanOptions, DataOptions, LoopOptions, ModelOptions]


@pytest.mark.parametrize("options", ROOMS)
def test_options_of_a_room_are_keys_of_a_recipe_with_their_types(options: type) -> None:
    keys = {field.name: field.type for field in fields(Recipe)}
    assert {field.name: field.type for field in fields(options)}.items() <= keys.items()


@pytest.mark.parametrize("options", ROOMS)
def test_a_part_of_a_recipe_has_its_values(options: type, tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, seed=7, batch_size=3, warmup=0.5, attention="eager", precision="bf16"))
    part = recipe.part(options)
    assert all(getattr(part, field.name) == getattr(recipe, field.name) for field in fields(options))
