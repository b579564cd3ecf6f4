"""Whole checkpoints in 8-bit floats and in packed integers, through `convert` into a file that llama.cpp runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf.constants import GGMLQuantizationType as Type
from gguf.quants import dequantize
from safetensors.torch import load_file, save_file

from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from convert.checkpoint import open_checkpoint
from convert.compressed import view_compressed
from convert.compressed.scheme import read_scheme
from convert.inspection.checkpoint import describe_checkpoint
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from tests.convert.architectures.random_models import llama_logits
from tests.convert.checkpoints import llama_checkpoint

LAYER, STORED = "model.layers.1.mlp.down_proj", "blk.1.ffn_down.weight"
INT4 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True},
        }
    },
}
FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
FP8_TENSOR = {"quant_method": "fp8", "activation_scheme": "static"}


def quantized(folder: Path, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Quantize every linear layer of the checkpoint in `folder`, as `config` says; the weights that it stands for."""
    state, stored, meant = load_file(folder / "model.safetensors"), {}, {}
    for name, tensor in state.items():
        layer = name.removesuffix(".weight")
        if not layer.endswith("_proj"):
            stored[name] = meant[name] = tensor
        elif config is INT4:
            stored |= {f"{layer}.{part}": value for part, value in int4(tensor.float()).items()}
            scale = stored[f"{layer}.weight_scale"].float().repeat_interleave(32, 1)
            meant[name] = torch.clamp(torch.round(tensor.float() / scale), -8, 7) * scale
        else:
            stored[f"{layer}.weight"], scales, wide = float8(tensor.float(), blocks=config is FP8)
            stored[f"{layer}.weight_scale_inv" if config is FP8 else f"{layer}.weight_scale"] = scales
            if config is FP8_TENSOR:
                stored[f"{layer}.input_scale"] = torch.tensor(0.1)
            meant[name] = stored[f"{layer}.weight"].float() * wide
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, folder / "model.safetensors")
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"quantization_config": config}))
    return {name: tensor.float() for name, tensor in meant.items()}


def int4(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """Symmetric codes in groups of 32 with bfloat16 scales, eight to a word, the first one lowest."""
    rows, columns = weight.shape
    scale = (weight.reshape(rows, -1, 32).abs().amax(2) / 7).bfloat16()
    codes = torch.clamp(torch.round(weight / scale.float().repeat_interleave(32, 1)), -8, 7).to(torch.int64) + 8
    words = sum(codes[:, i::8] << (4 * i) for i in range(8))
    signed = torch.where(words >= 1 << 31, words - (1 << 32), words)
    return {
        "weight_packed": signed.to(torch.int32),
        "weight_scale": scale,
        "weight_shape": torch.tensor([rows, columns]),
    }


def float8(weight: torch.Tensor, *, blocks: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Values, scales, and the scales spread over the matrix."""
    if not blocks:
        scale = weight.abs().max() / 448
        return (weight / scale).to(torch.float8_e4m3fn), scale, scale
    rows, columns = weight.shape
    n_blocks = (-(-rows // 128), -(-columns // 128))
    scales = torch.empty(n_blocks)
    for i in range(n_blocks[0]):
        for j in range(n_blocks[1]):
            scales[i, j] = weight[128 * i : 128 * (i + 1), 128 * j : 128 * (j + 1)].abs().max() / 448
    wide = scales.repeat_interleave(128, 0).repeat_interleave(128, 1)[:rows, :columns]
    return (weight / wide).to(torch.float8_e4m3fn), scales, wide


Made = tuple[Path, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """One checkpoint of each kind, with the weights that it stands for."""
    made = {}
    for name, config in (("fp8-blocks", FP8), ("fp8-tensor", FP8_TENSOR), ("int4", INT4)):
        folder = llama_checkpoint(tmp_path_factory.mktemp(name), width=256, ffn=416, layers=2, kv_heads=2, dtype="bf16")
        made[name] = folder, quantized(folder, config)
    return made


@pytest.fixture
def copied(originals: dict[str, Made], tmp_path: Path) -> Callable[[str], Path]:
    """A copy that a test may spoil."""
    return lambda name: Path(shutil.copytree(originals[name][0], tmp_path / name))


@pytest.mark.parametrize("name", ["fp8-blocks", "fp8-tensor", "int4"])
def test_the_file_computes_what_the_dequantized_checkpoint_computes(
    name: str, originals: dict[str, Made], tmp_path: Path
) -> None:
    source, meant = originals[name]
    plain = llama_checkpoint(tmp_path / "plain", width=256, ffn=416, layers=2, kv_heads=2, dtype="bf16")
    save_file(meant, plain / "model.safetensors")
    ids = [5, 80, 33, 200, 7, 9, 120, 41]
    logits = []
    for folder in (source, plain):
        convert(folder, tmp_path / "m.gguf", ConvertOptions(types=("f32",)))
        logits.append(llama_logits(tmp_path / "m.gguf", ids))
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-5)


def test_packed_codes_are_moved_exactly(originals: dict[str, Made], tmp_path: Path) -> None:
    source, meant = originals["int4"]
    report = convert(source, tmp_path / "m.gguf")
    assert report.files[0].exactness()["exact"] >= 14
    kept = GgufFile(tmp_path / "m.gguf")
    assert kept.tensors[STORED].type is Type.Q4_0
    got = dequantize(np.asarray(kept.data(STORED)).reshape(256, -1), Type.Q4_0)
    np.testing.assert_array_equal(got, meant[f"{LAYER}.weight"].numpy())


def test_8_bit_floats_become_any_type_and_are_verified(originals: dict[str, Made], tmp_path: Path) -> None:
    source, _ = originals["fp8-blocks"]
    for kind in ("f16", "q8_0", "q4_k_m"):
        report = convert(source, tmp_path / "m.gguf", ConvertOptions(types=(kind,)))
        assert report.files[0].proof is not None
    assert any("8-bit floats" in note for note in report.notes)


def changed(config: dict[str, Any], *path: str, to: object) -> dict[str, Any]:
    """A copy of `config` with one value replaced."""
    copy = json.loads(json.dumps(config))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return copy


WEIGHTS = ("config_groups", "group_0", "weights")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (changed(INT4, "format", to="nvfp4-pack-quantized"), "format is 'nvfp4-pack-quantized'"),
        (changed(INT4, "format", to="marlin-24"), "format is 'marlin-24'"),
        (changed(INT4, *WEIGHTS, "num_bits", to=3), "weights of 3 bits"),
        (changed(INT4, *WEIGHTS, "num_bits", to=8), "configuration says 8"),
        (changed(INT4, *WEIGHTS, "type", to="float"), "weights of 4 bits, type 'float'"),
        (changed(INT4, *WEIGHTS, "strategy", to="attn_head"), "strategy is 'attn_head'"),
        (changed(INT4, *WEIGHTS, "group_size", to=64), "do not fit"),
        (changed(INT4, *WEIGHTS, "strategy", to="channel"), "configuration says channel"),
        (changed(INT4, *WEIGHTS, "strategy", to="tensor"), "configuration says tensor"),
        (changed(INT4, *WEIGHTS, "strategy", to="block"), "configuration says block"),
        (changed(INT4, "ignore", to="lm_head"), "ignore is 'lm_head'"),
        (changed(INT4, "ignore", to=["lm_head", 3]), "ignore is"),
        (changed(INT4, "ignore", to=["re:(["]), "is not a valid pattern"),
        (changed(INT4, *WEIGHTS, "group_size", to="x"), "group_size is 'x'"),
        (changed(INT4, "config_groups", to=None), "config_groups is missing"),
        (changed(INT4, "sparsity_config", to={"format": "sparse-24-bitmask"}), "sparsity_config"),
        (changed(INT4, "transform_config", to={"config_groups": {"u": {}}}), "transform_config"),
        (changed(INT4, "quant_method", to="quip"), "quip"),
        (changed(INT4, *WEIGHTS, "symmetric", to=False), "configuration says symmetric is false"),
        (changed(INT4, *WEIGHTS, "symmetric", to="no"), "symmetric is 'no'"),
        (changed(INT4, "config_groups", "group_0", "targets", to=["re:(["]), "is not a valid pattern"),
        (changed(INT4, "config_groups", "group_0", "targets", to=["re:(.*)*(.*)*X"]), "forever"),
        (changed(INT4, "config_groups", "group_0", "targets", to=["re:(a|a)+X"]), "forever"),
        (changed(INT4, "config_groups", "group_0", "targets", to=["re:" + ".*" * 9 + "X"]), "forever"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    config: dict[str, Any], words: str, copied: Callable[[str], Path], tmp_path: Path
) -> None:
    source = copied("int4")
    said = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(said | {"quantization_config": config}))
    with pytest.raises(KnownError) as caught:
        convert(source, tmp_path / "m.gguf")
    assert words in caught.value.message
    assert not (tmp_path / "m.gguf").exists()


@pytest.mark.parametrize("config", [
    changed(FP8, "fmt", to="e5m2"),
    {"quant_method": "compressed-tensors", "config_groups": {"a": {"targets": ["Linear"], "weights": {"num_bits": 8}}}},
    INT4,
])  # fmt: skip
def test_8_bit_floats_that_the_configuration_denies_are_refused(
    config: dict[str, Any], copied: Callable[[str], Path], tmp_path: Path
) -> None:
    source = copied("fp8-blocks")
    said = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(said | {"quantization_config": config}))
    with pytest.raises(KnownError, match="and the configuration says"):
        convert(source, tmp_path / "m.gguf")


def compressed_floats(strategy: str) -> dict[str, Any]:
    """What llm-compressor says of 8-bit floats."""
    weights = {"num_bits": 8, "type": "float", "strategy": strategy, "block_structure": [128, 128]}
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": groups}


@pytest.mark.parametrize("strategy", ["tensor", "channel", "block"])
@pytest.mark.parametrize("stored", ["tensor", "channel", "block"])
def test_scales_are_shared_as_the_strategy_says(strategy: str, stored: str, tmp_path: Path) -> None:
    shapes: dict[str, tuple[int, ...]] = {"tensor": (1,), "channel": (256, 1), "block": (2, 3)}
    values = torch.ones(256, 320).to(torch.float8_e4m3fn)
    save_file({"m.proj.weight": values, "m.proj.weight_scale": torch.ones(shapes[stored])}, tmp_path / "m.safetensors")
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        if strategy == stored:
            assert list(view_compressed(checkpoint.tensors, compressed_floats(strategy), "exact", dict, [])) == [
                "m.proj.weight"
            ]
        else:
            with pytest.raises(KnownError, match=f"the configuration says {strategy}"):
                view_compressed(checkpoint.tensors, compressed_floats(strategy), "exact", dict, [])


@pytest.mark.parametrize(
    ("name", "key"), [("int4", "ignore"), ("fp8-blocks", "modules_to_not_convert"), ("fp8-tensor", "ignored_layers")]
)
@pytest.mark.parametrize(("entry", "count"), [
    (LAYER, 1),
    ("model.layers.1.mlp", 3),
    ("model.layers.1.mlp.down", 0),
    (r"re:.*down_proj$", 2),
    ("lm_head", 0),
    ("Linear", 0),
])  # fmt: skip
def test_ignored_layers_that_are_stored_quantized_are_reported(
    name: str, key: str, entry: str, count: int, originals: dict[str, Made]
) -> None:
    config = changed({"int4": INT4, "fp8-blocks": FP8}.get(name, FP8_TENSOR), key, to=[entry])
    notes: list[str] = []
    with open_checkpoint(originals[name][0]) as checkpoint:
        view_compressed(checkpoint.tensors, config, "exact", dict, notes)
    told = [note for note in notes if "left as they were" in note]
    assert [note.split()[0] for note in told] == [str(count)] * bool(count)


def test_a_pattern_that_people_write_is_matched() -> None:
    written = changed(INT4, "config_groups", "group_0", "targets", to=[r"re:.*layers\.[0-9]+\..*(q|k|v|o)_proj$"])
    assert read_scheme(written).of("model.layers.12.self_attn.q_proj").bits == 4
    assert read_scheme(written).of("model.layers.12.mlp.up_proj").bits is None


@pytest.mark.parametrize(
    ("name", "tensor", "value", "words"),
    [
        ("fp8-blocks", "weight_scale_inv", None, "its scale"),
        ("fp8-blocks", "weight_scale", torch.ones(1), "two scales"),
        ("int4", "weight_zero_point", torch.ones(256, 13, dtype=torch.int8), "symmetric is true"),
        ("fp8-blocks", "weight_scale_inv", torch.ones(3, 9), "has the shape [3, 9]"),
        ("fp8-blocks", "weight_scale_inv", torch.full((2, 4), torch.nan), "NaN"),
        ("fp8-blocks", "weight_scale_inv", torch.ones(2, 4, dtype=torch.int32), "scales are floats"),
        ("int4", "weight_scale", None, "weight_scale is missing"),
        ("int4", "weight_scale", torch.zeros(0, 8), "weight_scale is stored as [0, 8]"),
        ("int4", "weight_scale", torch.zeros(256, 0), "weight_scale is stored as [256, 0]"),
        ("int4", "weight_zero_point", torch.zeros(0, 13, dtype=torch.int8), "weight_zero_point is stored as [0, 13]"),
        ("int4", "weight_zero_point", torch.zeros(256, 13), "weight_zero_point is stored as"),
        ("int4", "weight_g_idx", torch.zeros(416), "weight_g_idx is stored as"),
        ("int4", "weight_shape", torch.tensor([], dtype=torch.int64), "weight_shape is missing"),
        ("int4", "weight_shape", torch.tensor([256.0, 416.0]), "weight_shape is stored as"),
        ("int4", "weight", torch.zeros(256, 416), "both weight and weight_packed"),
        ("int4", "weight_scale", torch.ones(256, 5), "do not fit"),
        ("int4", "weight_shape", None, "weight_shape is missing"),
        ("int4", "weight_shape", torch.tensor([256, 77]), "only codes of 4 and 8 bits"),
        ("int4", "weight_zero_point", torch.ones(7, 3, dtype=torch.int8), "zero points"),
        ("int4", "weight_g_idx", torch.full((416,), 99, dtype=torch.int32), "weight_g_idx"),
    ],
)
def test_tensors_that_do_not_belong_together_are_named(
    name: str, tensor: str, value: torch.Tensor | None, words: str, copied: Callable[[str], Path], tmp_path: Path
) -> None:
    source = copied(name)
    state = load_file(source / "model.safetensors")
    state.pop(f"{LAYER}.{tensor}", None)
    if value is not None:
        state[f"{LAYER}.{tensor}"] = value
    save_file(state, source / "model.safetensors")
    with pytest.raises(KnownError) as caught:
        convert(source, tmp_path / "m.gguf")
    assert words in caught.value.message
    assert LAYER in caught.value.message


def test_one_lost_scale_among_others_is_noticed_without_a_configuration(
    copied: Callable[[str], Path], tmp_path: Path
) -> None:
    source = copied("fp8-blocks")
    said = json.loads((source / "config.json").read_text())
    del said["quantization_config"]
    (source / "config.json").write_text(json.dumps(said))
    state = load_file(source / "model.safetensors")
    del state[f"{LAYER}.weight_scale_inv"]
    save_file(state, source / "model.safetensors")
    with pytest.raises(KnownError, match="its scale"):
        convert(source, tmp_path / "m.gguf")


def test_the_command_says_what_it_read(
    originals: dict[str, Made], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, _ = originals["int4"]
    assert main(["convert", str(source), "-o", str(tmp_path / "m.gguf")]) == 0
    shown = capsys.readouterr()
    assert "14 layers hold integer codes" in shown.out + shown.err


@pytest.mark.parametrize(("name", "words"), [("fp8-blocks", "FP8 (14 layers)"), ("int4", "4-bit integers (14 layers)")])
def test_inspecting_says_how_the_layers_are_stored(name: str, words: str, originals: dict[str, Made]) -> None:
    folder, meant = originals[name]
    found = describe_checkpoint(folder)
    assert found.quantization == words
    assert found.n_weights == sum(tensor.numel() for tensor in meant.values())
