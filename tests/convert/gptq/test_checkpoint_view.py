"""A quantized checkpoint seen as an ordinary one, act-order folded where the architecture allows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as Type
from gguf.quants import dequantize

from convert.gptq.checkpoint_view import is_quantized, view_quantized
from convert.rows.arrange import ArrayRows
from convert.rows.source import RowSource
from tests.convert.gptq.test_exact import Layer, Stored, layer


def named(layer_tensors: Layer, name: str) -> dict[str, Any]:
    return {key.replace("m.", name + ".", 1): value for key, value in layer_tensors.tensors.items()}


def vector(name: str, values: np.ndarray) -> ArrayRows:
    return ArrayRows(name, values.astype(np.float32))


def test_a_module_becomes_one_weight_in_its_place() -> None:
    layer_tensors = layer(4, 128, symmetric=True)
    norm = vector("norm.weight", np.ones(32))
    tensors = {"norm.weight": norm, **named(layer_tensors, "a.q_proj"), "a.q_proj.bias": vector("b", np.zeros(32))}
    view = view_quantized(tensors, {})
    assert list(view.tensors) == ["norm.weight", "a.q_proj.weight", "a.q_proj.bias"]
    assert view.tensors["norm.weight"] is norm
    assert view.version == 1
    assert view.warnings == []


def test_act_order_of_down_proj_is_folded_into_gate_and_up() -> None:
    """The product down(silu(gate x) * up x) stays what it was, and every weight keeps its code."""
    down = layer(4, 128, symmetric=False, shape=(32, 512), act_order=True, seed=1)
    gate = layer(4, 32, symmetric=False, shape=(512, 64), seed=2)
    up = layer(4, 32, symmetric=True, shape=(512, 64), seed=3)
    tensors = {**named(gate, "l.gate_proj"), **named(up, "l.up_proj"), **named(down, "l.down_proj")}
    view = view_quantized(tensors, {})
    assert list(view.folded) == ["l.down_proj"]
    got = {}
    for name in ("gate_proj", "up_proj", "down_proj"):
        rows = view.tensors[f"l.{name}.weight"]
        assert rows.packed_type in (Type.Q5_0, Type.Q4_0)
        got[name] = dequantize(rows.packed_rows(0, rows.n_rows), rows.packed_type)
    x = np.random.default_rng(4).normal(size=64).astype(np.float32)

    def feed_forward(gate_w: np.ndarray, up_w: np.ndarray, down_w: np.ndarray) -> np.ndarray:
        return down_w @ (np.tanh(gate_w @ x) * (up_w @ x))

    expected = feed_forward(gate.weight, up.weight, down.weight)
    np.testing.assert_allclose(feed_forward(got["gate_proj"], got["up_proj"], got["down_proj"]), expected, atol=1e-6)
    assert sorted(np.unique(got["down_proj"])) == sorted(np.unique(down.weight))


@pytest.mark.parametrize("changed", ["gate_proj", "down_proj"])
def test_adapters_are_merged_before_anything_is_folded(changed: str) -> None:
    """Their rows and columns are in the checkpoint's order, and the product must come out as if nothing had moved."""
    layer_tensors = {
        "down_proj": layer(4, 128, symmetric=False, shape=(32, 512), act_order=True, seed=1),
        "gate_proj": layer(4, 32, symmetric=False, shape=(512, 64), seed=2),
        "up_proj": layer(4, 32, symmetric=True, shape=(512, 64), seed=3),
    }
    tensors = {key: value for name, one in layer_tensors.items() for key, value in named(one, f"l.{name}").items()}
    delta = np.random.default_rng(6).normal(0, 0.1, layer_tensors[changed].weight.shape).astype(np.float32)

    def merge(rows: Mapping[str, RowSource]) -> dict[str, RowSource]:
        return {**rows, f"l.{changed}.weight": vector(changed, layer_tensors[changed].weight + delta)}

    view = view_quantized(tensors, {}, change=merge)
    assert list(view.folded) == ([] if changed == "down_proj" else ["l.down_proj"])
    assert (view.tensors["l.down_proj.weight"].packed_type is None) == (changed == "down_proj")
    got = {name: view.tensors[f"l.{name}.weight"].float_rows(0, len(one.weight)) for name, one in layer_tensors.items()}
    meant = {name: one.weight + (delta if name == changed else 0) for name, one in layer_tensors.items()}
    x = np.random.default_rng(4).normal(size=64).astype(np.float32)

    def feed_forward(w: dict[str, np.ndarray]) -> np.ndarray:
        return w["down_proj"] @ (np.tanh(w["gate_proj"] @ x) * (w["up_proj"] @ x))

    np.testing.assert_allclose(feed_forward(got), feed_forward(meant), atol=1e-5)


def test_blooms_feed_forward_is_folded_with_its_bias() -> None:
    out = layer(4, 128, symmetric=True, shape=(32, 512), act_order=True, seed=1)
    first = layer(4, 32, symmetric=True, shape=(512, 64), seed=2)
    bias = np.random.default_rng(0).normal(size=512)
    tensors = {
        **named(first, "h.0.mlp.dense_h_to_4h"),
        "h.0.mlp.dense_h_to_4h.bias": vector("bias", bias),
        **named(out, "h.0.mlp.dense_4h_to_h"),
    }
    view = view_quantized(tensors, {})
    order = np.argsort(out.tensors["m.g_idx"].values, kind="stable")
    np.testing.assert_array_equal(
        view.tensors["h.0.mlp.dense_h_to_4h.bias"].float_rows(0, 1)[0], bias[order].astype("f")
    )
    np.testing.assert_array_equal(view.tensors["h.0.mlp.dense_h_to_4h.weight"].float_rows(0, 512), first.weight[order])
    np.testing.assert_array_equal(view.tensors["h.0.mlp.dense_4h_to_h.weight"].float_rows(0, 32), out.weight[:, order])


def test_act_order_elsewhere_is_left_to_be_quantized_again() -> None:
    layer_tensors = layer(4, 128, symmetric=True, act_order=True)
    view = view_quantized(named(layer_tensors, "a.o_proj"), {})
    assert view.folded == {}
    assert view.tensors["a.o_proj.weight"].packed_type is None
    np.testing.assert_array_equal(view.tensors["a.o_proj.weight"].float_rows(0, 32), layer_tensors.weight)


def test_groups_that_no_layer_has_are_told_where_every_column_says_its_group() -> None:
    layer_tensors = layer(4, 128, symmetric=True, act_order=True)
    warnings = view_quantized(named(layer_tensors, "a.o_proj"), {"bits": 4, "group_size": 64}).warnings
    assert warnings == ["The configuration says groups of 64; the layers have groups of 128."]
    assert view_quantized(named(layer_tensors, "a.o_proj"), {"bits": 4, "group_size": -1}).warnings == []


def test_quantized_checkpoints_are_told_by_their_names() -> None:
    assert is_quantized({"x.qweight": Stored(np.zeros((1, 1)))})
    assert not is_quantized({"x.weight": Stored(np.zeros((1, 1)))})
