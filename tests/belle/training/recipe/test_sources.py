"""The tokenizer that a run uses, through the recipes that its recipe starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from belle.training.recipe.sources import chain, tokenizer_of
from tests.belle.training.runs import TOKENIZER


def recipe(folder: Path, name: str, **values: Any) -> Recipe:
    """A recipe that can be read and is never run."""
    data = folder / "data.jsonl"
    data.touch()
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"output_dir": str(folder / name), "data": [str(data)], "stage": "sft", **values}))
    return load_recipe(path)


@pytest.fixture
def base(tmp_path: Path) -> Recipe:
    return recipe(tmp_path, "base", stage="pretrain", init={"tokenizer": str(TOKENIZER)})


def test_a_recipe_that_starts_from_one_not_yet_run_has_the_tokenizer_of_that(base: Recipe, tmp_path: Path) -> None:
    middle = recipe(tmp_path, "middle", model=str(base.source))
    last = recipe(tmp_path, "last", model=str(middle.source))
    assert [tokenizer_of(one) for one in chain(last)] == [str(TOKENIZER)] * 3


def test_a_tokenizer_of_its_own_comes_first(base: Recipe, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert tokenizer_of(recipe(tmp_path, "next", model=str(base.source), tokenizer=str(own))) == str(own)


def test_a_recipe_that_was_run_has_its_own_tokenizer(base: Recipe, tmp_path: Path) -> None:
    final = base.run_folder.final
    final.mkdir(parents=True)
    (final / "tokenizer_config.json").write_text("{}")
    assert tokenizer_of(recipe(tmp_path, "next", model=str(base.source))) == str(final)


def test_a_tokenizer_that_is_not_made_yet_is_an_error_except_for_an_estimate(base: Recipe, tmp_path: Path) -> None:
    vocab = recipe(tmp_path, "vocab", stage="vocab", model=str(base.source))
    last = recipe(tmp_path, "last", model=str(vocab.source))
    assert tokenizer_of(last, or_of_base=True) == str(TOKENIZER)
    with pytest.raises(KnownError) as error:
        tokenizer_of(last)
    assert error.value.kind == "model_missing"
