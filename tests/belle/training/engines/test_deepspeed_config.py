"""DeepSpeed's configuration: completed by the recipe, and refused where it says something else."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.training.engines.deepspeed_config import inference_config, offload_device, training_config
from belle.training.engines.options import EngineOptions
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from tests.belle.training.runs import ROOT, recipe_file

SHIPPED = sorted((ROOT / "train/deepspeed").glob("*.json"))


def config(folder: Path, values: Any) -> Path:
    path = folder / "deepspeed.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load_recipe(recipe_file(tmp_path, batch_size=3, accumulation=2, max_grad_norm=0.5))


def completed(path: Path, recipe: Recipe, precision: str = "bf16") -> dict[str, Any]:
    return training_config(replace(recipe, deepspeed=path).part(EngineOptions), precision=precision, world_size=4)


def test_the_recipe_fills_in_what_it_decides(tmp_path: Path, recipe: Recipe) -> None:
    values = {"zero_optimization": {"stage": 2, "reduce_bucket_size": "auto"}, "bf16": {"enabled": "auto"}}
    result = completed(config(tmp_path, values), recipe)
    assert result["train_micro_batch_size_per_gpu"] == 3
    assert result["gradient_accumulation_steps"] == 2
    assert result["train_batch_size"] == 24
    assert result["gradient_clipping"] == 0.5
    assert result["bf16"] == {"enabled": True, "check_grad_overflow": True}
    assert result["fp16"] == {"enabled": False}
    assert result["zero_optimization"] == {"stage": 2}
    fp32 = completed(config(tmp_path, values), recipe, "fp32")
    assert (fp32["bf16"]["enabled"], fp32["fp16"]["enabled"]) == (False, False)


@pytest.mark.parametrize(
    ("extra", "key", "words"),
    [
        ({"scheduler": {"type": "WarmupDecayLR"}}, "scheduler", "schedule, warmup"),
        ({"optimizer": {"type": "AdamW"}}, "optimizer", "AdamW as the recipe says"),
        ({"amp": {"enabled": True}}, "amp", "precision"),
        ({"train_batch_size": 16}, "train_batch_size", "is 16, and the recipe's batch_size × accumulation × proc"),
        ({"gradient_clipping": 1.0}, "gradient_clipping", "max_grad_norm makes it 0.5"),
        ({"fp16": {"enabled": True}}, "fp16.enabled", "precision makes it false"),
        ({"fp16": True}, "fp16.enabled", "not a mapping"),
        ({"zero_optimization": {"stage": 0}}, "zero_optimization.stage", "must be 1, 2 or 3"),
        ({"zero_optimization": {"stage": True}}, "zero_optimization.stage", "must be 1, 2 or 3"),
        ({"zero_optimization": {}}, "zero_optimization.stage", "is None"),
        ({"zero_optimization": []}, "", "not a mapping"),
    ],
)
def test_what_contradicts_the_recipe_is_refused(
    tmp_path: Path, recipe: Recipe, extra: dict[str, Any], key: str, words: str
) -> None:
    with pytest.raises(KnownError) as caught:
        completed(config(tmp_path, {"zero_optimization": {"stage": 2}, **extra}), recipe)
    assert caught.value.kind == "deepspeed_config_wrong"
    assert caught.value.details["key"] == key
    assert words in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_what_is_no_json_is_named_with_its_line(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(KnownError, match="line 2 is not valid JSON"):
        completed(config(tmp_path, '{\n  "zero_optimization": }'), recipe)
    with pytest.raises(KnownError, match="does not exist"):
        completed(tmp_path / "nothing.json", recipe)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5))
def test_any_value_is_a_configuration_or_a_known_error(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        inference_config(config(folder, {"zero_optimization": {"stage": value}}), precision="bf16")
    except KnownError as error:
        assert error.kind == "deepspeed_config_wrong"
    else:
        assert value == 3


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_fit_every_recipe(path: Path, recipe: Recipe) -> None:
    if path.stem == "inference":
        result = inference_config(path, precision="bf16")
        assert offload_device(result, "param") == "cpu"
    else:
        result = completed(path, recipe)
        assert path.stem.startswith(f"zero{result['zero_optimization']['stage']}")
        assert (offload_device(result, "optimizer") == "cpu") == path.stem.endswith("offload")
    assert math.isfinite(result["zero_optimization"]["stage"])


def test_weights_that_are_not_gathered_are_gathered_all_the_same(tmp_path: Path, recipe: Recipe) -> None:
    values = {"zero_optimization": {"stage": 3, "stage3_gather_16bit_weights_on_model_save": False}}
    result = completed(config(tmp_path, values), recipe)
    assert result["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] is True


def test_inference_needs_stage_3_and_no_optimizer(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="only ZeRO stage 3"):
        inference_config(config(tmp_path, {"zero_optimization": {"stage": 2}}), precision="bf16")
    values = {
        "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}},
        "optimizer": {"type": "AdamW"},
        "scheduler": {},
        "train_batch_size": 64,
    }
    result = inference_config(config(tmp_path, values), precision="fp32")
    assert result["zero_optimization"] == {"stage": 3}
    assert not {"optimizer", "scheduler", "train_batch_size"} & result.keys()
