"""Estimates before a run, checked against real models and published figures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assets.evaluation.makers.pictures.__main__ import write_training
from belle.errors import KnownError
from belle.training.cluster.hosts import Host
from belle.training.estimate.describe import describe
from belle.training.estimate.fits import check_fits
from belle.training.estimate.memory import Layout, layer_bytes, memory
from belle.training.estimate.plan import volume_of
from belle.training.estimate.shape import ModelShape, shape_of
from belle.training.estimate.time import PEAK_TFLOPS, flops_per_token, named_device
from belle.training.model.options import ModelOptions
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from belle.units import GIB
from tests.belle.training.runs import CONVERSATIONS, ROOT, TOKENIZER, recipe_file, run, write_conversations

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

# LLaMA's sizes are in Touvron et al. 2023, table 2; BLOOM's in the BLOOM paper, table 3.
LLAMA_7B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 32000, "hidden_size": 4096,
    "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32, "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}  # fmt: skip
BLOOM_7B1 = {
    "model_type": "bloom", "architectures": ["BloomForCausalLM"], "vocab_size": 250880, "hidden_size": 4096,
    "n_layer": 30, "n_head": 32,
}  # fmt: skip
BELLE_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def recipe_for(folder: Path, config: dict[str, Any], **changes: Any) -> Recipe:
    """A recipe for a model that has a configuration but no weights."""
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text(json.dumps(config))
    return load_recipe(recipe_file(folder, model=str(model), tokenizer=str(TOKENIZER), **changes))


def shape(recipe: Recipe) -> ModelShape:
    return shape_of(recipe.part(ModelOptions), scoring=recipe.traits.scores)


def test_belles_adapters_have_the_published_sizes(tmp_path: Path) -> None:
    options = {"r": 16, "alpha": 32, "dropout": 0.05}
    llama = shape(recipe_for(tmp_path / "llama", LLAMA_7B, lora={**options, "targets": BELLE_TARGETS}))
    assert llama.trained == 39_976_960
    assert llama.total - llama.trained == 6_738_415_616
    everything = shape(recipe_for(tmp_path / "all", LLAMA_7B, lora=options))
    assert everything.trained == llama.trained
    bloom = shape(recipe_for(tmp_path / "bloom", BLOOM_7B1, lora={**options, "targets": ["query_key_value"]}))
    assert bloom.trained == 7_864_320
    assert bloom.total - bloom.trained == 7_069_016_064
    # BLOOM's head is its embedding: it is in a matrix product, and counted once.
    assert bloom.multiplied == bloom.total


@pytest.mark.parametrize(
    "lora",
    [
        {"r": 4},
        {"r": 4, "targets": ["q_proj", "down_proj"], "dora": True},
        {"r": 2, "targets": ["v_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
    ],
)
def test_adapters_are_counted_as_peft_makes_them(tmp_path: Path, lora: dict[str, Any]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from belle.training.model.adapters import add_adapter
    from belle.training.model.prepare import count_parameters

    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_key_value_heads": 2}
    config = {**LLAMA_7B, **sizes, "num_attention_heads": 4, "vocab_size": 500}
    recipe = recipe_for(tmp_path, config, lora=lora)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(recipe.model))
    estimated = shape(recipe)
    assert recipe.lora is not None
    total, trained = count_parameters(add_adapter(model, recipe.lora))
    assert (estimated.total, estimated.trained) == (total, trained)


def test_a_recipe_that_starts_from_another_has_its_model(tmp_path: Path) -> None:
    base = recipe_file(tmp_path / "base")
    recipe = load_recipe(recipe_file(tmp_path / "next", model=str(base)))
    assert shape(recipe).total == shape(load_recipe(base)).total == 118_944
    run(tmp_path / "base", max_steps=1)
    assert shape(recipe).total == 118_944


def test_states_are_those_of_the_zero_paper() -> None:
    """Rajbhandari et al. 2020, figure 1: 7.5 billion parameters, 64 GPUs: 120, 31.4, 16.6 and 1.9 GB."""
    parameters = 7_500_000_000
    shape = ModelShape("", parameters, parameters, 0, 0, parameters, 1, 1, 1, 1, 1, 0)

    def states(stage: int, **options: bool) -> float:
        layout = Layout(stage, 64, **options)
        estimate = memory(shape, layout, precision="bf16", quantization=None, tokens=0, checkpointing=False)
        return estimate.states / 1e9

    assert states(1) == pytest.approx(31.4, abs=0.05)
    assert states(2) == pytest.approx(16.6, abs=0.05)
    assert states(3) == pytest.approx(1.9, abs=0.05)
    # Without ZeRO, weights are fp32 here and have a copy in 16 bits: 6 + 4 + 8 bytes instead of 2 + 2 + 12.
    assert states(0) == pytest.approx(7.5 * 18)
    assert states(3, offload_optimizer=True, offload_weights=True) == 0


@pytest.mark.parametrize(("weights", "half"), [("fp32", False), ("bf16", True), ("fp32", True)])
def test_activations_are_what_the_graph_keeps(one_thread: None, weights: str, half: bool) -> None:
    measured = {}
    for layers in (1, 3):
        measured[layers] = kept_bytes(layers, weights, autocast=half)
    h, i, kv = 64, 160, 32
    shape = ModelShape("", 1, 1, 0, 0, 1, 1, h, i, kv, 64, 1)
    tokens = 2 * 64
    per_layer = (measured[3] - measured[1]) / 2
    if half and weights == "fp32":
        per_layer -= 2 * (2 * h * h + 2 * h * kv + 3 * h * i)  # autocast's copies of the weights are counted as weights
    expected = tokens * layer_bytes(shape, half=half, weights_half=weights == "bf16")
    assert expected == pytest.approx(per_layer, rel=0.02)


def kept_bytes(layers: int, weights: str, *, autocast: bool) -> int:
    """Bytes of all tensors in the graph of a forward pass, without the parameters."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    config = LlamaConfig(
        vocab_size=64, hidden_size=64, intermediate_size=160, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2,
    )  # fmt: skip
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[weights]
    model: Any = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=dtype)
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}
    saved: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = tensor
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        output = model.model(input_ids=torch.ones(2, 64, dtype=torch.long), use_cache=False)[0]
    total = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
    del output
    return total


def test_six_flops_per_weight_and_token() -> None:
    def shape(trained: int) -> ModelShape:
        return ModelShape("", 1000, trained, 0, 0, 1000, 2, 8, 32, 8, 10, 0)

    assert flops_per_token(shape(1000), 0, checkpointing=False) == 6000
    assert flops_per_token(shape(1000), 0, checkpointing=True) == 8000
    assert flops_per_token(shape(0), 0, checkpointing=False) == 4000
    assert flops_per_token(shape(1000), 10, checkpointing=False) == 6000 + 12 * 2 * 8 * 10 / 2


@pytest.mark.parametrize(
    ("name", "gpu"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100"), ("NVIDIA H100 80GB HBM3", "H100"), ("NVIDIA A10", "A10"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"), ("Tesla V100-SXM2-32GB", "V100"), ("Quadro P1000", None),
    ],
)  # fmt: skip
def test_gpus_are_known_by_name(name: str, gpu: str | None) -> None:
    device = named_device(name)
    assert (device and device.name) == gpu
    if device:
        assert device.flops == pytest.approx(PEAK_TFLOPS[device.name] * 0.4e12)


def test_a_dry_run_says_it_all_and_writes_nothing(tmp_path: Path) -> None:
    targets = {"r": 16, "targets": BELLE_TARGETS}
    recipe = recipe_for(tmp_path, LLAMA_7B, lora=targets, batch_size=2, accumulation=4, epochs=2)
    text = describe(recipe, [Host("worker-1", 4), Host("worker-2", 4)])
    assert "8 processes on 2 machines: worker-1 (rank 0 to 3), worker-2 (rank 4 to 7)" in text
    assert "6,778,392,576 parameters, 39,976,960 of them trained (0.59%)" in text
    assert f"{len(CONVERSATIONS)} rows, {len(CONVERSATIONS)} samples, 261 tokens" in text
    assert "steps       2; 64 samples a step (2 × 4 × 8 processes); 522 tokens in all" in text
    rows = re.findall(r"^ +(←| ) ((?:no|ZeRO).*?)  +([\d.]+) ", text, re.MULTILINE)
    assert [name for _, name, _ in rows][:4] == ["no DeepSpeed", "ZeRO-1", "ZeRO-2", "ZeRO-3"]
    assert [mark for mark, _, _ in rows] == ["←", *[" "] * 6]
    weights = {name: float(value) for _, name, value in rows}
    assert weights["ZeRO-1"] == pytest.approx(6_778_392_576 * 2 / GIB, abs=0.06)
    assert weights["ZeRO-3"] == pytest.approx(6_778_392_576 * 2 / 8 / GIB, abs=0.06)
    assert "8 × A100" in text
    assert not recipe.output_dir.exists()


def test_long_files_are_estimated_from_their_beginning(tmp_path: Path) -> None:
    path = write_conversations(tmp_path / "some.jsonl")
    long = tmp_path / "long.jsonl"
    long.write_text(path.read_text() * 500)
    volume = volume_of(load_recipe(recipe_file(tmp_path, data=[str(long)])))
    assert (volume.rows, volume.exact) == (5000, False)
    assert volume.tokens == pytest.approx(261 * 500, rel=0.01)
    weighted = volume_of(load_recipe(recipe_file(tmp_path, data=[{"path": str(path), "weight": 3}])))
    assert (weighted.rows, weighted.samples, weighted.tokens) == (10, 30, 783)


def _tones(build: Path) -> None:
    command = [sys.executable, str(ROOT / "train/tiny/make_tones.py"), "--clips", "4", str(build / "tones")]
    subprocess.run(command, check=True)


def _pictures(build: Path) -> None:
    write_training(build / "pictures", 8)


MADE = {"speech": _tones, "vl_align": _pictures, "vl_instruct": _pictures}
"""What draws or plays the data of the recipes whose data are not in the repository."""


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "train/tiny").glob("*.yaml")))
def test_every_tiny_recipe_can_be_looked_at(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # nothing is trained here yet
    make = MADE.get(name)
    if make:
        make(tmp_path / "build/tiny")
    before = sorted(tmp_path.rglob("*"))
    text = describe(load_recipe(ROOT / f"train/tiny/{name}.yaml"))
    assert name == "vocab" or ("are not estimated" if name in MADE else " steps ") in text
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_cannot_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    zero = tmp_path / "zero3.json"
    zero.write_text(json.dumps({"zero_optimization": {"stage": 3}}))
    whole = recipe_for(tmp_path / "whole", LLAMA_7B, precision="bf16", batch_size=1, gradient_checkpointing=True)
    with pytest.raises(KnownError) as caught:
        check_fits(whole, processes=8, available=80 * GIB, device="an A100")
    assert caught.value.kind == "gpu_memory"
    # 18 bytes for each of 6.7 billion parameters
    assert "need 113 GiB on each of 8 GPUs with no DeepSpeed" in caught.value.message
    assert "an A100 has 80.0 GiB" in caught.value.message
    assert "ZeRO-1, LoRA" in caught.value.advice
    spread = recipe_for(tmp_path / "spread", LLAMA_7B, precision="bf16", deepspeed=str(zero), batch_size=1)
    check_fits(spread, processes=8, available=80 * GIB, device="an A100")
    adapter = recipe_for(tmp_path / "adapter", LLAMA_7B, precision="bf16", lora={"r": 16}, batch_size=1)
    check_fits(adapter, processes=1, available=16 * GIB, device="a T4")
    with pytest.raises(KnownError, match="nf4"):
        check_fits(adapter, processes=1, available=8 * GIB, device="a small one")
