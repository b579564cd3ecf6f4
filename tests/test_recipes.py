"""Every recipe in train/ can be read: its keys exist, its files are named rightly, what it starts from is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from belle.training.recipe.load import load_recipe
from belle.training.recipe.sources import chain

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path.relative_to(ROOT) for path in (ROOT / "train").rglob("*.yaml"))
# What a person has to fetch or make: named by the recipes, never in the repository.
_ELSEWHERE = re.compile(r"(?:\.\./)*(?:data|models|build/chat/text|build/tiny/pictures|build/tiny/tones)/[\w.-]+")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """train/ with empty files where recipes name data and models of other people."""
    shutil.copytree(ROOT / "train", tmp_path / "train")
    shutil.copytree(ROOT / "assets" / "text", tmp_path / "assets" / "text")
    for recipe in (tmp_path / "train").rglob("*.yaml"):
        for name in _ELSEWHERE.findall(recipe.read_text(encoding="utf-8")):
            path = recipe.parent / name
            if not path.exists():
                path.mkdir(parents=True) if not path.suffix or path.parent.name == "models" else _touch(path)
    return tmp_path


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_a_recipe_can_be_read(recipe: Path, tree: Path) -> None:
    order = chain(load_recipe(tree / recipe))
    assert order[-1].source.name == recipe.name
    assert order[-1].output_dir.parts[0] == "build"


def test_recipes_of_published_models_say_where_their_numbers_are_from() -> None:
    for path in (ROOT / "train" / "belle").rglob("*.yaml"):
        assert "# Numbers: " in path.read_text(encoding="utf-8"), path


def test_there_is_a_recipe_for_every_row_of_both_tables() -> None:
    assert len(list((ROOT / "train/belle/lora-vs-full").glob("*.yaml"))) == 8
    assert len(list((ROOT / "train/belle/data-and-vocabulary").glob("*.yaml"))) == 8
