"""LoRA adapters merged row by row, against the plain formula."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.errors import KnownError
from convert.lora.adapter import read_adapter
from convert.lora.config import read_config
from convert.lora.merge import merge
from convert.rows.arrange import ArrayRows
from tests.convert.lora.adapters import save_adapter as save

LAYER = "model.layers.0.self_attn.q_proj"
RNG = np.random.default_rng(0)


def factors(n_out: int = 48, n_in: int = 32, rank: int = 4, layer: str = LAYER) -> dict[str, np.ndarray]:
    return {
        f"base_model.model.{layer}.lora_A.weight": RNG.normal(size=(rank, n_in)).astype(np.float32),
        f"base_model.model.{layer}.lora_B.weight": RNG.normal(size=(n_out, rank)).astype(np.float32),
    }


def base(n_out: int = 48, n_in: int = 32, name: str = LAYER + ".weight") -> dict[str, ArrayRows]:
    return {name: ArrayRows(name, RNG.normal(size=(n_out, n_in)).astype(np.float32))}


def test_the_change_is_added_row_by_row(tmp_path: Path) -> None:
    tensors, made = base(), factors()
    a, b = made.values()
    merged = merge(tensors, [read_adapter(save(tmp_path / "a", made))])[LAYER + ".weight"]
    expected = tensors[LAYER + ".weight"].rows(0, 48) + 4.0 * (b @ a)
    np.testing.assert_allclose(merged.rows(0, 48), expected, rtol=1e-6)
    np.testing.assert_allclose(merged.rows(7, 19), expected[7:19], rtol=1e-6)


def test_two_adapters_and_a_scale(tmp_path: Path) -> None:
    tensors, one, two = base(), factors(), factors(rank=8)
    adapters = [
        read_adapter(save(tmp_path / "one", one), strength=0.5),
        read_adapter(save(tmp_path / "two", two, lora_alpha=8, r=8)),
    ]
    merged = merge(tensors, adapters)[LAYER + ".weight"].rows(0, 48)
    (a1, b1), (a2, b2) = one.values(), two.values()
    expected = tensors[LAYER + ".weight"].rows(0, 48) + 2.0 * (b1 @ a1) + 1.0 * (b2 @ a2)
    np.testing.assert_allclose(merged, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "factor"),
    [
        ({"lora_alpha": 16}, 4.0),
        ({"lora_alpha": 16, "use_rslora": True}, 8.0),
        ({"lora_alpha": 16, "alpha_pattern": {"q_proj": 2}}, 0.5),
        ({"lora_alpha": 16, "alpha_pattern": {"k_proj": 2}}, 4.0),
        ({"lora_alpha": 16, "alpha_pattern": {r"model\.layers\.\d+\.self_attn\.q_proj": 8}}, 2.0),
        ({}, 2.0),
    ],
)
def test_scaling_is_pefts(tmp_path: Path, config: dict[str, Any], factor: float) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    assert read_config(tmp_path).scaling(LAYER, 4) == factor


def test_dora_gives_every_row_its_learned_length(tmp_path: Path) -> None:
    tensors, made = base(), factors()
    lengths = RNG.random(48).astype(np.float32) + 1
    made[f"base_model.model.{LAYER}.lora_magnitude_vector"] = lengths
    merged = merge(tensors, [read_adapter(save(tmp_path / "a", made, use_dora=True))])[LAYER + ".weight"].rows(0, 48)
    np.testing.assert_allclose(np.linalg.norm(merged, axis=1), lengths, rtol=1e-5)


def test_an_embedding_is_changed_through_its_transpose(tmp_path: Path) -> None:
    name = "model.embed_tokens"
    a, b = RNG.normal(size=(4, 100)).astype(np.float32), RNG.normal(size=(32, 4)).astype(np.float32)
    made = {
        f"base_model.model.{name}.lora_embedding_A": a,
        f"base_model.model.{name}.lora_embedding_B": b,
    }
    tensors = base(100, 32, name + ".weight")
    merged = merge(tensors, [read_adapter(save(tmp_path / "a", made))])[name + ".weight"].rows(0, 100)
    np.testing.assert_allclose(merged, tensors[name + ".weight"].rows(0, 100) + 4.0 * (b @ a).T, rtol=1e-5, atol=1e-5)


def test_fan_in_fan_out_changes_the_stored_transpose(tmp_path: Path) -> None:
    made = factors(n_out=48, n_in=32)
    a, b = made.values()
    tensors = base(32, 48)
    adapter = read_adapter(save(tmp_path / "a", made, fan_in_fan_out=True))
    merged = merge(tensors, [adapter])[LAYER + ".weight"].rows(0, 32)
    np.testing.assert_allclose(merged, tensors[LAYER + ".weight"].rows(0, 32) + 4.0 * (b @ a).T, rtol=1e-5, atol=1e-5)


def test_a_layer_trained_whole_takes_the_place_of_the_bases(tmp_path: Path) -> None:
    head = RNG.normal(size=(100, 32)).astype(np.float32)
    made = factors() | {"base_model.model.lm_head.weight": head}
    tensors = base() | base(100, 32, "lm_head.weight")
    merged = merge(tensors, [read_adapter(save(tmp_path / "a", made, modules_to_save=["lm_head"]))])
    np.testing.assert_array_equal(merged["lm_head.weight"].rows(0, 100), head)


def test_a_base_without_the_models_prefix_is_found(tmp_path: Path) -> None:
    short = "layers.0.self_attn.q_proj.weight"
    merged = merge(base(name=short), [read_adapter(save(tmp_path / "a", factors()))])
    assert list(merged) == [short]


def refusal(tmp_path: Path, tensors: dict[str, np.ndarray], **config: Any) -> KnownError:
    with pytest.raises(KnownError) as caught:
        merge(base(), [read_adapter(save(tmp_path / "a", tensors, **config))])
    return caught.value


def test_an_empty_adapter_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, {}).kind == "empty_adapter"


def test_an_adapter_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    made = factors()
    made[f"base_model.model.{LAYER}.lora_B.weight"][:] = 0
    assert refusal(tmp_path, made).kind == "empty_adapter"


def test_an_adapter_of_another_model_is_refused_with_the_shapes(tmp_path: Path) -> None:
    error = refusal(tmp_path, factors(n_in=64))
    assert error.kind == "adapter_mismatch"
    assert "[48, 64]" in error.message
    assert "base/model" in error.message


def test_a_layer_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, factors(layer="model.layers.99.self_attn.q_proj"))
    assert "model.layers.99.self_attn.q_proj.weight is not in the base" in error.message


def test_half_a_product_is_refused(tmp_path: Path) -> None:
    made = factors()
    made.popitem()
    assert refusal(tmp_path, made).kind == "damaged_adapter"


def test_other_peft_methods_are_refused_by_name(tmp_path: Path) -> None:
    error = refusal(tmp_path, factors(), peft_type="IA3")
    assert error.kind == "unsupported_adapter"
    assert "IA3" in error.message


@pytest.mark.parametrize("option", [
    {"lora_bias": True},
    {"kasa_config": {"beta": 1}},
    {"arrow_config": {"top_k": 2}},
    {"ensemble_of_tomorrow": 3},
    {"init_lora_weights": "pissa_niter_4"},
    {"init_lora_weights": "method_of_tomorrow"},
])  # fmt: skip
def test_options_that_are_not_known_to_keep_the_formula_true_are_refused_by_name(
    option: dict[str, Any], tmp_path: Path
) -> None:
    error = refusal(tmp_path, factors(), **option)
    assert error.kind == "unsupported_adapter"
    assert next(iter(option)) in error.message


@pytest.mark.parametrize("config", [
    {"r": 8},
    {"r": 2, "use_rslora": True},
    {"rank_pattern": {"q_proj": 8}},
    {"rank_pattern": {r"model\.layers\.0\..*": 2}},
    {"r": 8, "rank_pattern": {"k_proj": 4, "proj": 4}},
])  # fmt: skip
def test_a_rank_that_is_not_that_of_the_matrices_is_refused(config: dict[str, Any], tmp_path: Path) -> None:
    error = refusal(tmp_path, factors(), **config)
    assert error.kind == "damaged_adapter"
    assert f"{LAYER} has rank 4" in error.message


@pytest.mark.parametrize("config", [
    {"r": 8, "rank_pattern": {"q_proj": 4}},
    {"r": 4, "rank_pattern": {"k_proj": 8}},
    {"r": 8, "rank_pattern": {r"layers\.\d+\.self_attn\.q_proj": 4, "q_proj": 2}},
])  # fmt: skip
def test_the_first_pattern_that_names_a_layer_says_its_rank(config: dict[str, Any], tmp_path: Path) -> None:
    read_adapter(save(tmp_path, factors(), **config)).close()


@pytest.mark.parametrize("rank", [0, -4, 4.5, "4", True, None])
def test_a_rank_that_is_none_is_refused(rank: Any, tmp_path: Path) -> None:
    assert refusal(tmp_path / "r", factors(), r=rank).kind == "damaged_adapter"
    assert refusal(tmp_path / "pattern", factors(), rank_pattern={"k_proj": rank}).kind == "damaged_adapter"


@pytest.mark.parametrize("excluded", [["q_proj"], ["k_proj", "self_attn.q_proj"], [LAYER], r".*\.q_proj", LAYER])
def test_a_product_for_a_layer_that_the_configuration_leaves_out_is_refused(excluded: Any, tmp_path: Path) -> None:
    error = refusal(tmp_path, factors(), exclude_modules=excluded)
    assert error.kind == "damaged_adapter"
    assert LAYER in error.message
    assert "exclude_modules" in error.message


@pytest.mark.parametrize("excluded", [None, [], "", ["proj"], ["k_proj"], "q_proj", r".*\.k_proj"])
def test_layers_that_are_not_left_out_are_read(excluded: Any, tmp_path: Path) -> None:
    read_adapter(save(tmp_path, factors(), exclude_modules=excluded)).close()


@pytest.mark.parametrize("excluded", [3, ["q_proj", 3], {"q_proj": 1}, "(("])
def test_layers_to_leave_out_that_are_no_names_are_refused(excluded: Any, tmp_path: Path) -> None:
    assert refusal(tmp_path, factors(), exclude_modules=excluded).kind == "damaged_adapter"


@pytest.mark.parametrize("pattern", ["((", "(a*)*X", "(.|.)+X", ".*" * 9 + "X", "a{99999999999999}"])
def test_a_pattern_that_is_none_or_never_ends_is_refused(pattern: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, factors(), alpha_pattern={pattern: 3})
    assert error.kind == "damaged_adapter"
    assert "alpha_pattern" in error.message


def test_options_that_are_not_set_or_only_tell_how_to_train_are_passed_over(tmp_path: Path) -> None:
    options = {"lora_dropout": 0.1, "target_modules": ["q_proj"], "ensemble_of_tomorrow": None, "kasa_config": None}
    read_adapter(save(tmp_path, factors(), **options)).close()


def test_lengths_that_the_configuration_does_not_know_of_are_refused(tmp_path: Path) -> None:
    lengths = {f"base_model.model.{LAYER}.lora_magnitude_vector": np.ones(48, np.float32)}
    assert refusal(tmp_path / "unsaid", factors() | lengths).kind == "damaged_adapter"
    assert refusal(tmp_path / "missing", factors(), use_dora=True).kind == "damaged_adapter"


def test_a_folder_that_is_no_adapter(tmp_path: Path) -> None:
    with pytest.raises(KnownError) as caught:
        read_adapter(tmp_path)
    assert caught.value.kind == "not_an_adapter"
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(KnownError, match="none of"):
        read_adapter(tmp_path)
