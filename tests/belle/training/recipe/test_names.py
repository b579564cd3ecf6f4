"""Names that a recipe or a DeepSpeed file passes to a library: unknown ones are refused with similar ones."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from belle.cli.main import main
from belle.errors import KnownError
from belle.training.engines.deepspeed_config import training_config
from belle.training.engines.deepspeed_keys import BLOCKS, TOP
from belle.training.engines.options import EngineOptions
from belle.training.estimate.shape import check_lora
from belle.training.model.adapters import add_adapter
from belle.training.model.lora_names import check_names
from belle.training.model.options import ModelOptions
from belle.training.recipe.load import load_recipe
from belle.training.recipe.options import LoraOptions
from tests.belle.training.runs import recipe_file, run

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def llama() -> LlamaForCausalLM:
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, **shape))


def bloom() -> BloomForCausalLM:
    return BloomForCausalLM(BloomConfig(vocab_size=64, hidden_size=32, n_layer=2, n_head=2))


def gpt2() -> GPT2LMHeadModel:
    return GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=1, n_head=2))


@pytest.mark.parametrize(
    ("lora", "kind", "near"),
    [
        ({"targets": ("q_prj", "v_proj")}, "lora_target_missing", "q_proj"),
        ({"targets": ("q_proj", "self_attention.v_proj")}, "lora_target_missing", "v_proj"),
        ({"targets": ("all_linear",)}, "lora_target_missing", "all-linear"),
        ({"targets": ("proj",)}, "lora_target_missing", "q_proj"),
        ({"targets": ("query_key_value",)}, "lora_target_missing", ""),
        ({"modules_to_save": ("lm_haed",)}, "lora_module_missing", "lm_head"),
        ({"modules_to_save": ("lm_head", "embed_token")}, "lora_module_missing", "embed_tokens"),
        ({"modules_to_save": ("head",)}, "lora_module_missing", "lm_head"),
        ({"modules_to_save": ("rotary_emb",)}, "lora_module_missing", "no weights"),
        ({"modules_to_save": ("layers.7.mlp",)}, "lora_module_missing", "mlp"),
    ],
)
def test_a_name_that_matches_no_layer_is_refused_with_near_ones(lora: dict[str, Any], kind: str, near: str) -> None:
    with pytest.raises(KnownError) as found:
        check_names(llama(), LoraOptions(**lora))
    assert found.value.kind == kind
    assert near in str(found.value)
    assert "lora." in found.value.message


@pytest.mark.parametrize(
    ("model", "lora"),
    [
        (llama, {"targets": ("q_proj", "mlp.down_proj", "model.layers.1.self_attn.o_proj")}),
        (llama, {"modules_to_save": ("embed_tokens", "lm_head", "norm", "layers.0.mlp")}),
        (gpt2, {"targets": ("c_attn", "wte")}),
        (bloom, {"targets": ("query_key_value",), "modules_to_save": ("word_embeddings", "ln_f")}),
    ],
)
def test_names_of_layers_are_accepted(model: Any, lora: dict[str, Any]) -> None:
    check_names(model(), LoraOptions(**lora))


def adapted(tmp_path: Path, **lora: Any) -> Any:
    recipe = load_recipe(recipe_file(tmp_path, model=str(tmp_path), lora=lora))
    assert recipe.lora is not None
    return add_adapter(llama(), recipe.lora)


def test_exactly_the_named_layers_are_trained_in_full(tmp_path: Path) -> None:
    model = adapted(tmp_path, targets=["q_proj"], modules_to_save=["norm", "lm_head"])
    trained = {name for name, p in model.named_parameters() if p.requires_grad and "lora_" not in name}
    assert trained == {
        "base_model.model.model.norm.modules_to_save.default.weight",
        "base_model.model.lm_head.modules_to_save.default.weight",
    }


def test_dora_beside_int8_on_a_processor_is_refused_in_words() -> None:
    with pytest.raises(KnownError, match="int8 on a CPU"):
        add_adapter(llama(), LoraOptions(dora=True), quantization="int8")


@pytest.mark.parametrize(
    ("model", "targets", "message", "advice"),
    [
        (llama, ("self_attn",), "names self_attn, which is not a linear layer", "Inside of it are: k_proj, o_proj, q_"),
        (llama, ("q_proj", "mlp"), "names mlp, which is", "Inside of it are: down_proj, gate_proj, up_proj."),
        (llama, ("self_attn", "mlp"), "names self_attn and mlp, which are not", "Inside of them are: down_proj, gate_"),
        (llama, ("layers.1.self_attn",), "names layers.1.self_attn", "Inside of it are: k_proj"),
        (llama, ("model.layers.0",), "names model.layers.0", "Inside of it are: down_proj, gate_proj, k_proj"),
        (llama, ("layers",), "names layers", "Inside of it are: down_proj"),
        (llama, ("input_layernorm",), "names input_layernorm", "The model's linear layers are: down_proj"),
        (llama, ("rotary_emb", "q_proj"), "names rotary_emb", "all-linear means all of them"),
        (bloom, ("self_attention",), "names self_attention", "Inside of it are: dense, query_key_value."),
        (bloom, ("word_embeddings_layernorm",), "names word_embeddings_layernorm", "linear layers are: dense"),
    ],
)
def test_a_target_that_is_not_a_linear_layer_is_refused_with_the_possible_names(
    model: Any, targets: tuple[str, ...], message: str, advice: str
) -> None:
    with pytest.raises(KnownError) as found:
        check_names(model(), LoraOptions(targets=targets))
    assert found.value.kind == "lora_refused"
    assert message in found.value.message
    assert advice in found.value.advice
    assert "(" not in str(found.value)


@pytest.mark.parametrize("targets", [["embed_tokens"], ["lm_head"], ["q_proj", "embed_tokens"], "all-linear"])
def test_peft_takes_every_target_that_is_not_refused(tmp_path: Path, targets: Any) -> None:
    model = adapted(tmp_path, targets=targets)
    assert any("lora_" in name for name, _ in model.named_parameters())


def test_a_misspelled_layer_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = run(tmp_path / "base", max_steps=1) / "final"
    path = recipe_file(tmp_path, model=str(base), lora={"modules_to_save": ["lm_haed"]})
    for extra in ([], ["--dry-run"]):
        capsys.readouterr()
        assert main(["train", str(path), *extra]) == 2
        output = capsys.readouterr()
        assert "no layers called lm_haed (lora.modules_to_save)" in output.err
        assert "Did you mean lm_head?" in output.err
        assert "samples of" not in output.out
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(KnownError, match="quantized weights"):
        run(tmp_path, model=str(base), quantization="nf4", lora={"modules_to_save": ["mlp"]})


@pytest.mark.parametrize(
    ("lora", "wrong"),
    [
        ({"r": 8}, "lora.r is 8"),
        ({"alpha": 8.0}, "lora.alpha is 8"),
        ({"targets": ["q_proj", "k_proj"]}, "lora.targets"),
        ({"modules_to_save": ["embed_tokens"]}, "lora.modules_to_save"),
        ({"dora": True}, "lora.dora is True"),
        ({"r": 4, "dropout": 0.0, "targets": ["q_proj"], "modules_to_save": ["norm"]}, ""),
        ({}, ""),
    ],
)
def test_an_adapter_that_is_trained_further_is_not_said_to_have_another_shape(
    tmp_path: Path, lora: dict[str, Any], wrong: str
) -> None:
    model = adapted(tmp_path / "first", r=4, dropout=0.0, targets=["q_proj", "v_proj"], modules_to_save=["norm"])
    model.save_pretrained(tmp_path / "adapter")
    recipe = load_recipe(recipe_file(tmp_path, model=str(tmp_path / "adapter"), lora=lora))
    if not wrong:
        check_lora(recipe.part(ModelOptions))
        return
    with pytest.raises(KnownError) as found:
        check_lora(recipe.part(ModelOptions))
    assert found.value.kind == "adapter_has_its_own"
    assert wrong in found.value.message


@pytest.mark.parametrize(
    ("extra", "key", "near"),
    [
        ({"gradient_cliping": 1.0}, "gradient_cliping", "gradient_clipping"),
        ({"zero_optimisation": {"stage": 3}}, "zero_optimisation", "zero_optimization"),
        ({"bf_16": {"enabled": True}}, "bf_16", "bf16"),
        ({"offload_optimizer": {"device": "cpu"}}, "offload_optimizer", "zero_optimization.offload_o"),
        ({"zero_optimization": {"stage": 3, "overlap_com": True}}, "zero_optimization.overlap_com", "overlap_comm"),
        (
            {"zero_optimization": {"stage": 3, "offload_param": {"devise": "cpu"}}},
            "zero_optimization.offload_param.devise",
            "device",
        ),
        ({"fp16": {"loss_scal": 0}}, "fp16.loss_scal", "loss_scale"),
        ({"bf16": {"bf16_master_weights_and_grads": True}}, "bf16.bf16_master_weights_and_grads", "Take it out"),
    ],
)
def test_a_key_that_deepspeed_does_not_know_is_refused_with_near_ones(
    tmp_path: Path, extra: dict[str, Any], key: str, near: str
) -> None:
    path = tmp_path / "zero.json"
    path.write_text(json.dumps({"zero_optimization": {"stage": 2}, **extra}))
    with pytest.raises(KnownError) as found:
        recipe = load_recipe(recipe_file(tmp_path, deepspeed=str(path)))
        training_config(recipe.part(EngineOptions), precision="bf16", world_size=1)
    assert (found.value.kind, found.value.details["key"]) == ("deepspeed_config_wrong", key)
    assert key in found.value.message
    assert near in found.value.advice


CLASSES = {
    "zero_optimization": ("deepspeed.runtime.zero.config", "DeepSpeedZeroConfig"),
    "zero_optimization.offload_param": ("deepspeed.runtime.zero.offload_config", "DeepSpeedZeroOffloadParamConfig"),
    "zero_optimization.offload_optimizer": (
        "deepspeed.runtime.zero.offload_config",
        "DeepSpeedZeroOffloadOptimizerConfig",
    ),
    "bf16": ("deepspeed.runtime.precision_config", "DeepSpeedBF16Config"),
    "fp16": ("deepspeed.runtime.precision_config", "DeepSpeedFP16Config"),
}


def test_the_known_keys_are_deepspeeds_own() -> None:
    assert CLASSES.keys() == BLOCKS.keys()
    for block, (module, name) in CLASSES.items():
        fields = getattr(importlib.import_module(module), name).model_fields
        assert set(BLOCKS[block]) == {field.alias or key for key, field in fields.items()}, block
    import deepspeed

    source = "".join(path.read_text(encoding="utf-8") for path in Path(deepspeed.__file__).parent.rglob("*.py"))
    assert [key for key in TOP if f'"{key}"' not in source and f"'{key}'" not in source] == []
    torch.manual_seed(0)
