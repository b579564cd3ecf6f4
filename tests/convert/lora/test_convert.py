"""Adapters through the whole conversion: merged into the weights, or as a file of their own; llama.cpp is the judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from convert.lora.adapter_gguf import convert_adapter
from convert.output.part_file import part_path
from convert.output.progress import Progress
from convert.pipeline import convert
from convert.plan.options import AdapterChoice, ConvertOptions
from tests.convert.architectures.random_models import llama_logits
from tests.convert.checkpoint.building import safetensors
from tests.convert.checkpoints import bloom_checkpoint, bloom_shapes, llama_checkpoint, llama_shapes
from tests.convert.gptq.act_order import act_order_bloom, act_order_llama
from tests.convert.lora.adapters import BLOOM_LAYERS, LLAMA_LAYERS, adapter_for, pair, save_adapter

IDS = [int(i) for i in np.random.default_rng(3).integers(3, 250, 24)]
WIDTH, LAYERS, VOCABULARY, KV_HEADS = 256, 2, 320, 4
LLAMA_SHAPES = llama_shapes(width=WIDTH, ffn=512, layers=LAYERS, vocabulary=VOCABULARY, kv_width=WIDTH // 2)
ACT_ORDER_SHAPES = llama_shapes(width=WIDTH, ffn=512, layers=LAYERS, vocabulary=VOCABULARY, kv_width=WIDTH)
BLOOM_SHAPES = bloom_shapes(width=WIDTH, layers=LAYERS, vocabulary=VOCABULARY)

Make = Callable[..., Path]


def lively(folder: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """Weights large enough, and norms near one, that every layer matters to the logits."""
    rng = np.random.default_rng(8)
    arrays = {
        name: (rng.normal(0, 0.1, shape) + (len(shape) == 1 and "norm" in name and name.endswith("weight"))).astype(
            "f2"
        )
        for name, shape in shapes.items()
    }
    (folder / "model.safetensors").write_bytes(safetensors(arrays))
    return folder


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lively(llama_checkpoint(tmp_path_factory.mktemp("llama"), layers=LAYERS, kv_heads=KV_HEADS), LLAMA_SHAPES)


@pytest.fixture(scope="module")
def bloom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lively(bloom_checkpoint(tmp_path_factory.mktemp("bloom"), layers=LAYERS), BLOOM_SHAPES)


def one(folder: Path, strength: float = 1.0) -> tuple[AdapterChoice, ...]:
    return (AdapterChoice(folder, strength),)


PATTERNS = {
    "alpha_pattern": {"k_proj": 2, r"layers\.1\.mlp\.down_proj": 40, "dense": 3},
    "rank_pattern": {"q_proj": 8, "query_key_value": 2},
}
RANKS = {"q_proj": 8, "query_key_value": 2}


@pytest.mark.parametrize("architecture", ["llama", "bloom"])
@pytest.mark.parametrize(
    ("config", "ranks", "strength"),
    [
        ({}, {}, 1.0),
        ({"use_rslora": True, "rank_pattern": RANKS}, RANKS, 1.0),
        (PATTERNS, RANKS, 1.0),
        ({"use_rslora": True, **PATTERNS}, RANKS, -0.5),
    ],
    ids=["plain", "rslora", "patterns", "everything"],
)
def test_merged_and_on_top_of_the_base_say_the_same(
    architecture: str,
    config: dict[str, Any],
    ranks: dict[str, int],
    strength: float,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    source: Path = request.getfixturevalue(architecture)
    shapes, layers = (LLAMA_SHAPES, LLAMA_LAYERS) if architecture == "llama" else (BLOOM_SHAPES, BLOOM_LAYERS)
    folder = save_adapter(tmp_path / "adapter", adapter_for(shapes, layers, ranks=ranks), **config)
    options = ConvertOptions(types=("f32",), adapters=one(folder, strength))
    convert(source, tmp_path / "base.gguf", ConvertOptions(types=("f32",)))
    convert(source, tmp_path / "merged.gguf", options)
    report = convert_adapter(source, tmp_path / "adapter.gguf", options)
    base = llama_logits(tmp_path / "base.gguf", IDS)
    merged = llama_logits(tmp_path / "merged.gguf", IDS)
    on_top = llama_logits(tmp_path / "base.gguf", IDS, tmp_path / "adapter.gguf")
    assert np.abs(merged - base).max() > 0.05, "an adapter that changes nothing proves nothing"
    assert np.abs(merged - on_top).max() < 1e-3
    assert report.files[0].exactness() == {"exact": 2 * LAYERS * len(layers)}
    assert report.files[0].n_bytes == (tmp_path / "adapter.gguf").stat().st_size


@pytest.mark.parametrize("architecture", ["llama", "bloom"])
def test_an_adapter_follows_what_moves_in_an_act_order_base(architecture: str, tmp_path: Path) -> None:
    """Converting the base folds orders of columns into the layers before; the adapter on top must know."""
    base = tmp_path / "base"
    (act_order_llama if architecture == "llama" else act_order_bloom)(base)
    shapes = ACT_ORDER_SHAPES if architecture == "llama" else BLOOM_SHAPES
    layers = LLAMA_LAYERS if architecture == "llama" else BLOOM_LAYERS
    folder = save_adapter(tmp_path / "adapter", adapter_for(shapes, layers))
    options = ConvertOptions(types=("f32",), adapters=one(folder))
    convert(base, tmp_path / "base.gguf", ConvertOptions(types=("f32",)))
    convert(base, tmp_path / "merged.gguf", options)
    convert_adapter(base, tmp_path / "adapter.gguf", options)
    merged = llama_logits(tmp_path / "merged.gguf", IDS)
    assert np.abs(merged - llama_logits(tmp_path / "base.gguf", IDS)).max() > 0.05
    assert np.abs(merged - llama_logits(tmp_path / "base.gguf", IDS, tmp_path / "adapter.gguf")).max() < 1e-3


def test_the_order_stands_in_the_weights_alone(tmp_path: Path) -> None:
    act_order_llama(tmp_path / "base")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4, "desc_act": True}
    (tmp_path / "base" / "config.json").write_text(json.dumps(config))
    (tmp_path / "base" / "model.safetensors").unlink()
    folder = save_adapter(tmp_path / "adapter", adapter_for(ACT_ORDER_SHAPES, LLAMA_LAYERS))
    with pytest.raises(KnownError, match="act-order") as caught:
        convert_adapter(tmp_path / "base", tmp_path / "a.gguf", ConvertOptions(adapters=one(folder)))
    assert caught.value.kind == "base_needed"


def test_the_embedding_and_the_head(llama: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tensors = pair("lm_head", (VOCABULARY, WIDTH), 4, rng) | {
        "base_model.model.model.embed_tokens.lora_embedding_A": rng.normal(0, 0.1, (4, VOCABULARY)).astype(np.float32),
        "base_model.model.model.embed_tokens.lora_embedding_B": rng.normal(0, 0.1, (WIDTH, 4)).astype(np.float32),
    }
    options = ConvertOptions(types=("f32",), adapters=one(save_adapter(tmp_path / "a", tensors)))
    convert(llama, tmp_path / "base.gguf", ConvertOptions(types=("f32",)))
    convert(llama, tmp_path / "merged.gguf", options)
    convert_adapter(llama, tmp_path / "adapter.gguf", options)
    merged = llama_logits(tmp_path / "merged.gguf", IDS)
    assert np.abs(merged - llama_logits(tmp_path / "base.gguf", IDS)).max() > 0.05
    assert np.abs(merged - llama_logits(tmp_path / "base.gguf", IDS, tmp_path / "adapter.gguf")).max() < 1e-3


def test_f16_adapters_are_half_as_large(llama: Path, tmp_path: Path) -> None:
    adapters = one(save_adapter(tmp_path / "a", adapter_for(LLAMA_SHAPES, LLAMA_LAYERS)))
    wide = convert_adapter(llama, tmp_path / "32.gguf", ConvertOptions(adapters=adapters)).files[0]
    half = convert_adapter(llama, tmp_path / "16.gguf", ConvertOptions(types=("f16",), adapters=adapters)).files[0]
    assert wide.type == "F32"
    assert sum(t.n_bytes for t in half.tensors) * 2 == sum(t.n_bytes for t in wide.tensors)
    with pytest.raises(KnownError, match="f32 or f16"):
        convert_adapter(llama, tmp_path / "x.gguf", ConvertOptions(types=("q8_0",), adapters=adapters))


def test_most_matrices_of_an_adapter_are_written_as_they_are(llama: Path, tmp_path: Path) -> None:
    tensors = adapter_for(LLAMA_SHAPES, LLAMA_LAYERS)
    folder = save_adapter(tmp_path / "a", tensors, use_rslora=True, alpha_pattern={"v_proj": 1})
    convert_adapter(llama, tmp_path / "a.gguf", ConvertOptions(adapters=one(folder)))
    file = GgufFile(tmp_path / "a.gguf")
    assert file.metadata["adapter.lora.alpha"] == 32.0  # 16 / sqrt(4) * 4
    stored = file.data("blk.0.ffn_down.weight.lora_b").view(np.float32)
    given = tensors["base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"]
    assert np.array_equal(stored, given.reshape(-1))


def test_an_adapter_needs_only_the_bases_config(llama: Path, tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_bytes((llama / "config.json").read_bytes())
    folder = save_adapter(tmp_path / "a", adapter_for(LLAMA_SHAPES, LLAMA_LAYERS))
    convert_adapter(tmp_path / "base", tmp_path / "a.gguf", ConvertOptions(adapters=one(folder)))
    metadata = GgufFile(tmp_path / "a.gguf").metadata
    assert metadata["general.type"] == "adapter"
    assert metadata["general.architecture"] == "llama"
    assert metadata["chatbelle.lora.base"] == "model"
    assert len(metadata["chatbelle.source.sha256.adapter_model.safetensors"]) == 64


def test_what_cannot_stay_apart_is_refused_with_the_reason(llama: Path, bloom: Path, tmp_path: Path) -> None:
    plain = adapter_for(LLAMA_SHAPES, LLAMA_LAYERS)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    dora = plain | {f"{layer}.lora_magnitude_vector": np.ones(WIDTH, np.float32)}
    saved = plain | {"base_model.model.lm_head.weight": np.ones((VOCABULARY, WIDTH), np.float32)}
    tied = pair("transformer.word_embeddings", (VOCABULARY, WIDTH), 4, np.random.default_rng(0))
    for source, tensors, words in (
        (llama, dora, "DoRA"),
        (llama, saved, "lm_head.weight as a whole"),
        (bloom, tied, "output head is the embedding"),
        (bloom, plain, "no layer of it"),
    ):
        folder = save_adapter(tmp_path / words, tensors)
        with pytest.raises(KnownError, match=words):
            convert_adapter(source, tmp_path / "x.gguf", ConvertOptions(adapters=one(folder)))
    assert not (tmp_path / "x.gguf").exists()


def test_the_file_remembers_its_adapters(llama: Path, tmp_path: Path) -> None:
    folders = [
        save_adapter(tmp_path / name, adapter_for(LLAMA_SHAPES, LLAMA_LAYERS, seed=n)) for n, name in enumerate("ab")
    ]
    adapters = (AdapterChoice(folders[0], 0.5), AdapterChoice(folders[1]))
    convert(llama, tmp_path / "m.gguf", ConvertOptions(adapters=adapters))
    metadata = GgufFile(tmp_path / "m.gguf").metadata
    assert metadata["chatbelle.lora.count"] == 2
    assert [metadata[f"chatbelle.lora.{i}.name"] for i in (0, 1)] == ["a", "b"]
    assert [metadata[f"chatbelle.lora.{i}.scale"] for i in (0, 1)] == [0.5, 1.0]
    digests = {metadata[f"chatbelle.lora.{i}.sha256.adapter_model.safetensors"] for i in (0, 1)}
    assert len(digests) == 2


def test_an_interrupted_merge_does_not_go_on_with_another_adapter(llama: Path, tmp_path: Path) -> None:
    first, second = (
        save_adapter(tmp_path / name, adapter_for(LLAMA_SHAPES, LLAMA_LAYERS, seed=n)) for n, name in enumerate("ab")
    )
    path = tmp_path / "m.gguf"

    def stop(reading: Progress) -> None:
        if reading.done_weights:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(llama, path, ConvertOptions(types=("q4_k_m",), adapters=one(first), threads=1), progress=stop)
    assert part_path(path).exists()
    readings: list[Progress] = []
    options = ConvertOptions(types=("q4_k_m",), adapters=one(second))
    convert(llama, path, options, progress=readings.append)
    assert [reading for reading in readings if reading.stage == "convert"][-1].resumed_weights == 0
    convert(llama, tmp_path / "whole.gguf", options)
    assert path.read_bytes() == (tmp_path / "whole.gguf").read_bytes()


def test_tokens_that_were_added_are_refused_in_words(llama: Path, tmp_path: Path) -> None:
    grown = {"base_model.model.lm_head.modules_to_save.weight": np.ones((VOCABULARY + 8, WIDTH), np.float32)}
    folder = save_adapter(tmp_path / "a", grown)
    with pytest.raises(KnownError) as caught:
        convert(llama, tmp_path / "m.gguf", ConvertOptions(adapters=one(folder)))
    assert caught.value.kind == "adapter_vocabulary"
    assert "328 tokens; the base has 320" in caught.value.message


def test_a_head_of_its_own_for_a_model_that_had_none(bloom: Path, tmp_path: Path) -> None:
    head = np.random.default_rng(0).normal(0, 0.1, (VOCABULARY, WIDTH)).astype(np.float32)
    folder = save_adapter(tmp_path / "a", {"base_model.model.lm_head.modules_to_save.default.weight": head})
    convert(bloom, tmp_path / "m.gguf", ConvertOptions(types=("f32",), adapters=one(folder)))
    stored = GgufFile(tmp_path / "m.gguf")
    assert np.array_equal(stored.data("output.weight").view(np.float32), head.reshape(-1))


def test_the_output_may_not_be_the_adapter(llama: Path, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", adapter_for(LLAMA_SHAPES, LLAMA_LAYERS))
    weights = folder / "adapter_model.safetensors"
    before = weights.read_bytes()
    for write in (convert, convert_adapter):
        with pytest.raises(KnownError) as caught:
            write(llama, weights, ConvertOptions(adapters=one(folder)))
        assert caught.value.kind == "output_is_input"
        with pytest.raises(KnownError) as caught:
            write(llama, tmp_path / "m.gguf", ConvertOptions(adapters=one(folder), report=weights))
        assert caught.value.kind == "output_is_input"
    assert weights.read_bytes() == before


def test_a_report_may_not_be_what_is_read(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in llama.iterdir()}
    for path in before:
        assert main(["convert", str(llama), "-o", str(tmp_path / "m.gguf"), "--report", str(path)]) == 2
        assert path.name in capsys.readouterr().err
    assert {path: path.read_bytes() for path in llama.iterdir()} == before


@pytest.mark.parametrize("named", ["embed_tokens", "model.embed_tokens"])
def test_an_adapter_gguf_is_refused_where_a_layer_was_trained_whole(llama: Path, tmp_path: Path, named: str) -> None:
    """Also where its weights are missing, and however the configuration names it."""
    folder = save_adapter(tmp_path / "a", adapter_for(LLAMA_SHAPES, LLAMA_LAYERS), modules_to_save=[named])
    with pytest.raises(KnownError, match=r"embed_tokens\.weight as a whole") as caught:
        convert_adapter(llama, tmp_path / "a.gguf", ConvertOptions(adapters=one(folder)))
    assert caught.value.kind == "unsupported_adapter"


def test_an_adapter_alone_is_no_model(tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", adapter_for(LLAMA_SHAPES, LLAMA_LAYERS))
    with pytest.raises(KnownError, match="is a LoRA adapter"):
        convert(folder, tmp_path / "m.gguf")


# --- the command line


def test_command(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = adapter_for(LLAMA_SHAPES, LLAMA_LAYERS)
    folders = [save_adapter(tmp_path / name, tensors) for name in "abc"]
    a, b, c = (["--lora", str(folder)] for folder in folders)
    out = str(tmp_path / "m.gguf")
    assert main(["convert", str(llama), "-o", out, "--lora-scale", "2", *a, *b, "--lora-scale", "0.5", *c]) == 0
    metadata = GgufFile(tmp_path / "m.gguf").metadata
    assert [metadata[f"chatbelle.lora.{i}.scale"] for i in range(3)] == [2.0, 0.5, 2.0]
    assert main(["convert", str(llama), "-o", str(tmp_path / "a.gguf"), *a, "--lora-only", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["files"][0]["path"] == str(tmp_path / "a.gguf")
    assert main(["convert", str(llama), "-o", str(tmp_path / "b.gguf"), *a, "--lora-only", "--dry-run"]) == 0
    assert not (tmp_path / "b.gguf").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lora-only"], "holds one adapter"),
        (["--lora", "nowhere"], "adapter_config.json"),
        (["--lora-scale", "0"], "a number other than 0"),
        (["--lora-scale", "nan"], "a number other than 0"),
    ],
)
def test_command_says_what_is_wrong(
    llama: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(llama), "-o", str(tmp_path / "m.gguf"), *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
