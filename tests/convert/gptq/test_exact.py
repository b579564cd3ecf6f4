"""GPTQ codes moved into GGUF blocks: the dequantized file equals `s * (q - z)`, weight for weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as Type
from gguf.quants import dequantize
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.gptq import word_packing
from convert.gptq.gptq_rows import GPTQRows
from convert.gptq.layout import ZeroEvidence, find_modules, zeros_of


@dataclass
class Stored:
    """A tensor of a checkpoint, as far as GPTQ needs it."""

    values: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def array(self) -> np.ndarray:
        return self.values


@dataclass
class Layer:
    tensors: dict[str, Stored]
    weight: np.ndarray

    def rows(self, **options: Any) -> GPTQRows:
        module = find_modules(self.tensors, {})[0]
        return GPTQRows(module, self.tensors, **({"version": 1, "wordwise": False} | options))


def layer(
    bits: int,
    group: int,
    *,
    symmetric: bool,
    shape: tuple[int, int] = (32, 512),
    scale_type: type = np.float16,
    act_order: bool = False,
    seed: int = 0,
) -> Layer:
    """A random layer in the layout of AutoGPTQ version 1, and its weight computed plainly."""
    rng = np.random.default_rng(seed)
    n_out, n_in = shape
    n_groups = -(-n_in // group)
    q = rng.integers(0, 1 << bits, (n_in, n_out)).astype(np.uint8)
    zeros = np.full((n_groups, n_out), 1 << (bits - 1))
    if not symmetric:
        zeros = rng.integers(1, 1 << bits, (n_groups, n_out))
    scales = (rng.random((n_groups, n_out)) * 0.01 + 0.001).astype(scale_type)
    g_idx = np.arange(n_in) // group
    tensors = {
        "m.qweight": Stored(word_packing.pack(q, bits)),
        "m.qzeros": Stored(word_packing.pack(np.ascontiguousarray((zeros - 1).astype(np.uint8).T), bits).T.copy()),
        "m.scales": Stored(scales),
    }
    if act_order:
        g_idx = rng.permutation(g_idx)
        tensors["m.g_idx"] = Stored(g_idx.astype(np.int32))
    weight = (scales.astype(np.float32)[g_idx] * (q.astype(np.int32) - zeros[g_idx])).T
    return Layer(tensors, weight.astype(np.float32))


EXACT = [
    (2, True, 128, Type.Q4_0),
    (2, False, 128, Type.Q4_0),
    (3, True, 128, Type.Q4_0),
    (3, False, 32, Type.Q4_0),
    (4, True, 32, Type.Q4_0),
    (4, True, 128, Type.Q4_0),
    (4, False, 64, Type.Q5_0),
    (4, False, 128, Type.Q5_0),
    (4, False, 256, Type.Q4_K),
    (4, False, 512, Type.Q4_K),
    (8, True, 128, Type.Q8_0),
]


@pytest.mark.parametrize(("bits", "symmetric", "group", "target"), EXACT)
def test_every_weight_is_the_same_in_the_gguf_type(bits: int, symmetric: bool, group: int, target: Type) -> None:
    made = layer(bits, group, symmetric=symmetric)
    rows = made.rows()
    assert rows.packed_type is target
    assert rows.exact
    np.testing.assert_array_equal(rows.rows(0, 32), made.weight)
    np.testing.assert_array_equal(dequantize(rows.packed_rows(0, 32), target), made.weight)
    np.testing.assert_array_equal(dequantize(rows.packed_rows(7, 21), target), made.weight[7:21])


def test_awq_is_as_exact_as_gptq() -> None:
    rng = np.random.default_rng(3)
    q = rng.integers(0, 16, (256, 64)).astype(np.uint8)
    zeros = rng.integers(0, 16, (2, 64)).astype(np.uint8)
    scales = (rng.random((2, 64)) * 0.01).astype(np.float16)
    tensors = {
        "m.qweight": Stored(word_packing.pack_awq(q)),
        "m.qzeros": Stored(word_packing.pack_awq(zeros)),
        "m.scales": Stored(scales),
    }
    g_idx = np.arange(256) // 128
    weight = (scales.astype(np.float32)[g_idx] * (q.astype(int) - zeros[g_idx])).T.astype(np.float32)
    rows = Layer(tensors, weight).rows()
    assert rows.module.method == "awq"
    assert rows.packed_type is Type.Q5_0
    np.testing.assert_array_equal(rows.rows(0, 64), weight)
    np.testing.assert_array_equal(dequantize(rows.packed_rows(3, 50), Type.Q5_0), weight[3:50])


def test_float32_scales_are_not_called_exact() -> None:
    made = layer(4, 128, symmetric=False, scale_type=np.float32)
    rows = made.rows()
    assert not rows.exact
    error = np.abs(dequantize(rows.packed_rows(0, 32), rows.packed_type) - made.weight) / rows.steps(0, 32)
    assert 0 < error.max() < 0.01  # of a quantization step; convert.md measured 0.0046


def test_structured_q4_k_keeps_the_codes_within_a_fraction_of_a_step() -> None:
    made = layer(4, 128, symmetric=False, shape=(64, 1024))
    rows = made.rows(mode="fast")
    assert rows.packed_type is Type.Q4_K
    assert not rows.exact
    error = (dequantize(rows.packed_rows(0, 64), Type.Q4_K) - made.weight) / rows.steps(0, 64)
    assert np.sqrt(np.square(error).mean()) < 0.03


def test_asymmetric_8_bit_is_exact_where_it_fits_and_close_elsewhere() -> None:
    made = layer(8, 128, symmetric=False, seed=5)
    rows = made.rows()
    assert rows.packed_type is Type.Q8_0
    assert rows.hybrid
    assert not rows.exact
    got = dequantize(rows.packed_rows(0, 32), Type.Q8_0)
    same = (got == made.weight).reshape(-1, 32).all(axis=1)
    assert same.any()
    assert (np.abs(got - made.weight) / rows.steps(0, 32)).max() <= 1.01


def test_act_order_has_no_block_type_but_exact_floats() -> None:
    made = layer(4, 128, symmetric=True, act_order=True)
    rows = made.rows()
    assert rows.act_order
    assert rows.packed_type is None
    np.testing.assert_array_equal(rows.rows(0, 32), made.weight)
    ordered = rows.with_columns(rows.by_group())
    assert ordered.packed_type is Type.Q4_0
    np.testing.assert_array_equal(dequantize(ordered.packed_rows(0, 32), Type.Q4_0), made.weight[:, rows.by_group()])


def test_a_short_last_group_is_understood() -> None:
    made = layer(4, 128, symmetric=True, shape=(32, 320))
    rows = made.rows()
    assert rows.module.group_size == 128
    np.testing.assert_array_equal(dequantize(rows.packed_rows(0, 32), Type.Q4_0), made.weight)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_packing_is_undone_by_unpacking(bits: int, data: st.DataObject) -> None:
    columns = data.draw(st.integers(1, 5))
    n = 32 * data.draw(st.integers(1, 4))
    values = data.draw(st.lists(st.integers(0, (1 << bits) - 1), min_size=n * columns, max_size=n * columns))
    q = np.array(values, np.uint8).reshape(n, columns)
    np.testing.assert_array_equal(word_packing.unpack(word_packing.pack(q, bits), bits), q)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptqmodel_borrows_across_a_word_and_adding_to_the_word_undoes_it(bits: int) -> None:
    zeros = np.random.default_rng(1).integers(0, 1 << bits, (4, 64)).astype(np.uint8)
    packed = word_packing.pack(np.ascontiguousarray(zeros.T), bits).T.copy()
    minus = packed.view(np.uint32) - word_packing.add_one_to_words(np.zeros_like(packed), bits).view(np.uint32)
    got = zeros_of(minus.view(np.int32), bits, version=1, wordwise=True)
    np.testing.assert_array_equal(got, zeros)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("version", [1, 2])
def test_the_version_is_read_from_the_data(symmetric: bool, version: int) -> None:
    rng = np.random.default_rng(7)
    evidence = ZeroEvidence()
    for _ in range(8):
        # A weight matrix is centred on zero; its codes are centred on the zero point.
        zeros = np.full((4, 64), 8) if symmetric else np.clip(rng.normal(7.5, 1, (4, 64)).round(), 1, 15).astype(int)
        q = np.clip(np.rint(rng.normal(zeros.repeat(32, axis=0), 2.5)), 0, 15).astype(np.uint8)
        evidence.add((zeros - (version == 1)).astype(np.uint8), 4, q.copy)
    assert evidence.version == version


@pytest.mark.parametrize(
    ("name", "shape"),
    [("m.qzeros", (4, 5)), ("m.scales", (4, 31)), ("m.qweight", (64, 31)), ("m.qweight", (0, 32))],
)
def test_shapes_that_do_not_belong_together_are_named(name: str, shape: tuple[int, int]) -> None:
    made = layer(4, 128, symmetric=True)
    made.tensors[name] = Stored(np.zeros(shape, made.tensors[name].values.dtype))
    with pytest.raises(KnownError, match="m: the shapes"):
        find_modules(made.tensors, {})


def test_a_missing_part_is_named() -> None:
    made = layer(4, 128, symmetric=True)
    del made.tensors["m.scales"]
    with pytest.raises(KnownError, match=r"m\.scales is missing"):
        find_modules(made.tensors, {})


def test_scales_that_are_not_numbers_are_refused() -> None:
    made = layer(4, 128, symmetric=True)
    made.tensors["m.scales"].values[0, 0] = np.nan
    with pytest.raises(KnownError, match="NaN"):
        made.rows()


def test_a_stated_group_size_that_lies_is_not_believed() -> None:
    made = layer(4, 128, symmetric=True)
    assert find_modules(made.tensors, {"group_size": 64})[0].group_size == 128
