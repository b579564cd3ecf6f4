"""A resumed run with a changed recipe: every key either takes effect or is refused by name."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from belle.errors import KnownError
from belle.training.loop.resume import FIXED, FREE, check_same_recipe
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from belle.training.stages.run import run_recipe
from tests.belle.training.runs import largest_difference, recipe_file, run

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

KEYS = {field.name for field in dataclasses.fields(Recipe) if field.metadata.get("key", True)}


def test_every_key_of_a_recipe_is_either_fixed_or_free() -> None:
    assert not set(FIXED) & set(FREE)
    # A run is identified by its folder, so output_dir is neither.
    assert set(FIXED) | set(FREE) == KEYS - {"output_dir"}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and a run of six steps that was ended after the third."""
    folder = tmp_path_factory.mktemp("interrupted")
    data = folder / "data.jsonl"
    run(folder, max_steps=6, save_every=3, batch_size=4, weight_decay=0.01, eval_data=[str(data)])
    shutil.rmtree(folder / "run/final")
    shutil.rmtree(folder / "run/step-6")
    return folder


def resumed(interrupted: Path, folder: Path, *changes: str) -> Path:
    """Resume a copy of the run with changes to its recipe."""
    shutil.copytree(interrupted / "run", folder / "run")
    recipe = load_recipe(interrupted / "recipe.yaml", [*changes, f"output_dir={folder / 'run'}"])
    run_recipe(replace(recipe, resume=True))
    return folder / "run"


@pytest.fixture(scope="module")
def unchanged(interrupted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resumed(interrupted, tmp_path_factory.mktemp("unchanged"))


@pytest.mark.parametrize(
    "change",
    [
        "weight_decay=5.0", "betas=[0.1, 0.2]", "eps=0.5", "learning_rate=1e-4", "schedule=constant",
        "min_learning_rate=9e-3", "warmup=6", "max_grad_norm=1e-9",
    ],
)  # fmt: skip
def test_what_the_optimizer_does_changes_with_the_recipe(
    interrupted: Path, unchanged: Path, tmp_path: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = resumed(interrupted, tmp_path, change)
    key, _, value = change.partition("=")
    assert largest_difference(folder / "final/model.safetensors", unchanged / "final/model.safetensors") > 1e-5
    recorded = yaml.safe_load((folder / "recipe.yaml").read_text())[key]
    assert recorded == load_recipe(interrupted / "recipe.yaml", [change]).__dict__[key] or recorded == list(
        yaml.safe_load(value)
    )
    assert json.loads((folder / "final/manifest.json").read_text())["recipe"][key] == recorded
    assert f"from here on with {key}: " in capsys.readouterr().out


@pytest.mark.parametrize(("key", "value"), [("weight_decay", 0.5), ("betas", (0.5, 0.6)), ("eps", 1e-3)])
def test_settings_of_the_optimizer_are_the_recipes_after_a_state_was_loaded(
    tmp_path: Path, key: str, value: Any
) -> None:
    from belle.training.engines.data_parallel import DataParallelBuilder
    from belle.training.engines.options import EngineOptions

    class Configured(torch.nn.Sequential):
        config = type("Config", (), {"save_pretrained": lambda self, folder: None})()

    def engine_with(**changes: Any) -> Any:
        recipe = replace(load_recipe(recipe_file(tmp_path)), **changes)
        model = Configured(torch.nn.Linear(4, 4))
        groups = [
            {"params": [model[0].weight], "weight_decay": recipe.weight_decay},
            {"params": [model[0].bias], "weight_decay": 0.0},
        ]
        return DataParallelBuilder(recipe.part(EngineOptions)).build(model, groups)

    first, second = engine_with(), engine_with(**{key: value})
    first.backward(first.forward(lambda model: model(torch.ones(1, 4)).sum()))
    first.step(1e-3)
    first.save_state(tmp_path)
    second.load_state(tmp_path)
    settings = [group[key] for group in second._optimizer.param_groups]
    assert settings == ([value, 0.0] if key == "weight_decay" else [value, value])
    assert second._optimizer.state


@pytest.mark.parametrize(
    ("change", "steps"), [("max_steps=4", 4), ("max_steps=8", 8), ("log_every=3", 2), ("eval_every=1", 9)]
)
def test_lengths_and_intervals_take_effect(interrupted: Path, tmp_path: Path, change: str, steps: int) -> None:
    folder = resumed(interrupted, tmp_path, change)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    if change.startswith("max_steps"):
        assert lines[-1]["step"] == steps
    elif change.startswith("log_every"):
        assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 6]
    else:
        assert [line["step"] for line in lines if "eval_loss" in line][-3:] == [4, 5, 6]


def test_a_run_that_is_past_its_end_says_so(interrupted: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="at step 3 already, and is to end at step 2"):
        resumed(interrupted, tmp_path, "max_steps=2")
    assert not (tmp_path / "run/final").exists()


OTHER: dict[str, Any] = {
    "stage": "pretrain",
    "seed": 1,
    "tokenizer": "run",
    "template": "vicuna",
    "data": [{"path": "data.jsonl", "format": "belle"}],
    "eval_data": [{"path": "data.jsonl", "format": "belle"}],
    "max_length": 64,
    "batching": "pad",
    "batch_size": 5,
    "accumulation": 2,
    "neftune_alpha": 5,
    "precision": "bf16",
    "reward": {"margin": 1},
    "vocab": {"size": 400},
    "dpo": {"beta": 0.2},
}


@pytest.mark.parametrize("key", OTHER)
def test_what_decides_the_weights_is_refused_by_name(interrupted: Path, tmp_path: Path, key: str) -> None:
    with pytest.raises(KnownError) as caught:
        resumed(interrupted, tmp_path, f"{key}={json.dumps(OTHER[key])}")
    assert caught.value.kind == "recipe_changed"
    assert caught.value.details["keys"][0].partition(".")[0] == key
    assert f"was written with {key}" in caught.value.message


def test_a_key_inside_a_mapping_is_named_with_dots(tmp_path: Path) -> None:
    before, now = {"lora": {"r": 8, "alpha": 16}}, {"lora": {"r": 8, "alpha": 32}}
    with pytest.raises(KnownError, match=r"written with lora\.alpha: 16; the recipe now says 32"):
        check_same_recipe(before, now, tmp_path)
    with pytest.raises(KnownError, match=r"deepspeed: false; the recipe now says true"):
        check_same_recipe({"deepspeed": None}, {"deepspeed": "zero2.json"}, tmp_path)
    check_same_recipe({"deepspeed": "a.json"}, {"deepspeed": "b.json"}, tmp_path)


def test_no_change_is_reported_when_there_is_none(
    interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resumed(interrupted, tmp_path)
    assert "from here on" not in capsys.readouterr().out
