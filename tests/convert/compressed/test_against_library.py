"""Layers that compressed-tensors itself wrote, and 8-bit floats that torch wrote, read as what these libraries read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from gguf.constants import GGMLQuantizationType as Type
from gguf.quants import dequantize
from safetensors.torch import save_file

from convert.checkpoint import open_checkpoint
from convert.compressed import view_compressed
from convert.compressed.float8 import VALUES

SHAPE = (96, 320)


def stated(scheme: QuantizationScheme, form: str) -> dict[str, Any]:
    """The `quantization_config` that the library writes into config.json."""
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "config_groups": {"group_0": scheme.model_dump(mode="json")},
    }


@dataclass(frozen=True)
class Read:
    """What our reader made of a layer."""

    values: np.ndarray
    packed_type: Type | None
    packed_exactness: str
    blocks: np.ndarray | None


def read(folder: Path, state: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> Read:
    """The weight of the layer `m.proj` through our reader."""
    tensors = {f"m.proj.{name}": tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / "model.safetensors")
    with open_checkpoint(folder / "model.safetensors") as checkpoint:
        rows = view_compressed(checkpoint.tensors, config, "exact", dict, [])
        assert list(rows) == ["m.proj.weight"]
        source = rows["m.proj.weight"]
        # Rows in two runs, as the writer asks for them.
        values = np.concatenate([source.float_rows(0, 33), source.float_rows(33, SHAPE[0])])
        blocks = None
        if source.packed_type is not None:
            blocks = np.concatenate([source.packed_rows(0, 33), source.packed_rows(33, SHAPE[0])])
    return Read(values, source.packed_type, source.packed_exactness, blocks)


def layer(args: QuantizationArgs, *, scale_type: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """A random weight with scales and zeros of the shape that the strategy has."""
    torch.manual_seed(args.num_bits)
    weight = torch.randn(SHAPE) * 0.05
    rows, columns = SHAPE
    groups = {"tensor": (1,), "channel": (rows, 1)}.get(args.strategy or "")
    if args.strategy == "group":
        groups = (rows, columns // args.group_size)
    if args.strategy == "block":
        groups = tuple(-(-size // block) for size, block in zip(SHAPE, args.block_structure, strict=True))
    largest = 448.0 if args.type == "float" else float(2 ** (args.num_bits - 1))
    scale = (torch.rand(groups) * 0.1 + 0.15) / largest
    state = {"weight": weight, "weight_scale": scale.to(scale_type)}
    zero = torch.zeros(groups, dtype=torch.int8)
    if not args.symmetric:
        zero = torch.randint(-(2 ** (args.num_bits - 1)), 2 ** (args.num_bits - 1), groups).to(torch.int8)
    if args.type == "int":
        state["weight_zero_point"] = zero
    return state


PACKED = [
    (QuantizationArgs(num_bits=4, strategy="group", group_size=32), Type.Q4_0),
    (QuantizationArgs(num_bits=4, strategy="group", group_size=64), Type.Q4_0),
    (QuantizationArgs(num_bits=4, strategy="channel"), Type.Q4_0),
    (QuantizationArgs(num_bits=4, strategy="group", group_size=32, symmetric=False), Type.Q5_0),
    (QuantizationArgs(num_bits=4, strategy="channel", symmetric=False), Type.Q5_0),
    (QuantizationArgs(num_bits=8, strategy="group", group_size=64), Type.Q8_0),
    (QuantizationArgs(num_bits=8, strategy="channel"), Type.Q8_0),
]


@pytest.mark.parametrize("scale_type", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("args", "kind"), PACKED, ids=lambda value: str(getattr(value, "strategy", value)))
def test_packed_codes_are_read_as_the_library_reads_them(
    tmp_path: Path, args: QuantizationArgs, kind: Type, scale_type: torch.dtype
) -> None:
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = PackedQuantizationCompressor.compress(layer(args, scale_type=scale_type), scheme)
    source = read(tmp_path, state, stated(scheme, "pack-quantized"))
    wide = state | {"weight_scale": state["weight_scale"].float()}
    expected = PackedQuantizationCompressor.decompress(wide, scheme)["weight"].float().numpy()
    np.testing.assert_array_equal(source.values, expected)
    assert source.packed_type is kind
    moved = dequantize(source.blocks, kind)
    if source.packed_exactness == "exact":
        np.testing.assert_array_equal(moved, expected)
    else:
        assert scale_type is torch.float32, "float32 scales alone may not fit into float16 ones"
        np.testing.assert_allclose(moved, expected, rtol=1e-3, atol=1e-6)


def test_columns_in_the_order_of_activations_are_read_and_not_moved(tmp_path: Path) -> None:
    args = QuantizationArgs(num_bits=4, strategy="group", group_size=32)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = layer(args)
    order = torch.randperm(SHAPE[1], generator=torch.Generator().manual_seed(3))
    g_idx = torch.empty(SHAPE[1], dtype=torch.int32)
    g_idx[order] = torch.arange(SHAPE[1], dtype=torch.int32) // 32
    # What the library stores is quantized group by group, and its columns are put back where they were.
    state["weight"] = state["weight"][:, order]
    codes = PackedQuantizationCompressor.decompress(PackedQuantizationCompressor.compress(state, scheme), scheme)
    expected = torch.empty(SHAPE)
    expected[:, order] = codes["weight"].float()
    scales = state["weight_scale"][:, g_idx.long()]
    back = torch.round(expected / scales).to(torch.int8)
    stored = {
        "weight_packed": pack_to_int32(back, 4),
        "weight_scale": state["weight_scale"],
        "weight_shape": torch.tensor(SHAPE),
        "weight_g_idx": g_idx,
    }
    config = stated(scheme, "pack-quantized")
    config["config_groups"]["group_0"]["weights"]["actorder"] = "group"  # of files of 2024 and 2025
    source = read(tmp_path, stored, config)
    assert source.packed_type is None
    np.testing.assert_allclose(source.values, expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("strategy", ["channel", "tensor"])
def test_int8_weights_are_read_as_the_library_reads_them(tmp_path: Path, strategy: str, symmetric: bool) -> None:
    args = QuantizationArgs(num_bits=8, strategy=strategy, symmetric=symmetric)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = NaiveQuantizationCompressor.compress(layer(args), scheme)
    source = read(tmp_path, state, stated(scheme, "int-quantized"))
    expected = NaiveQuantizationCompressor.decompress(state, scheme)["weight"].float().numpy()
    np.testing.assert_allclose(source.values, expected, rtol=1e-6)
    assert source.packed_type is Type.Q8_0


@pytest.mark.parametrize("strategy", ["tensor", "channel", "block"])
def test_8_bit_floats_are_read_as_the_library_reads_them(tmp_path: Path, strategy: str) -> None:
    block = [64, 128] if strategy == "block" else None
    args = QuantizationArgs(num_bits=8, type="float", strategy=strategy, block_structure=block)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    state = NaiveQuantizationCompressor.compress(layer(args), scheme)
    assert state["weight"].dtype is torch.float8_e4m3fn
    source = read(tmp_path, state, stated(scheme, "float-quantized"))
    if strategy == "block":
        # The library cuts no partial block; the formula is plain enough.
        wide = state["weight_scale"].repeat_interleave(64, 0).repeat_interleave(128, 1)[: SHAPE[0], : SHAPE[1]]
        expected = (state["weight"].float() * wide).numpy()
    else:
        expected = NaiveQuantizationCompressor.decompress(state, scheme)["weight"].float().numpy()
    np.testing.assert_array_equal(source.values, expected)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("f8_e4m3", torch.float8_e4m3fn),
        ("f8_e5m2", torch.float8_e5m2),
        ("f8_e4m3fnuz", torch.float8_e4m3fnuz),
        ("f8_e5m2fnuz", torch.float8_e5m2fnuz),
    ],
)
def test_every_byte_of_every_8_bit_type_has_the_value_that_torch_gives_it(ours: str, theirs: torch.dtype) -> None:
    expected = torch.arange(256, dtype=torch.uint8).view(theirs).float().numpy()
    np.testing.assert_array_equal(VALUES[ours], expected)
