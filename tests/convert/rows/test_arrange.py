"""Rearranged rows: right values, as few reads as possible, and blocks that move with their rows."""

from __future__ import annotations

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType
from gguf.quants import dequantize, quantize
from hypothesis import given
from hypothesis import strategies as st

from convert.rows.arrange import AddConstant, ArrayRows, TakeRows, take_rows
from convert.rows.source import RowSource
from tests.convert.architectures.random_models import MemorySource

Q8_0 = GGMLQuantizationType.Q8_0


class PackedSource(RowSource):
    """A tensor whose values exist as Q8_0 blocks only."""

    def __init__(self, name: str, values: np.ndarray) -> None:
        self.name, self.shape, self.dtype, self.packed_type = name, values.shape, "f32", Q8_0
        self.blocks = quantize(values, Q8_0)

    def rows(self, start: int, stop: int) -> np.ndarray:
        return dequantize(self.blocks[start:stop], Q8_0)

    def packed_rows(self, start: int, stop: int) -> np.ndarray:
        return self.blocks[start:stop]


def matrix(n_rows: int, n_columns: int = 4, dtype: str = "float32") -> np.ndarray:
    return np.arange(n_rows * n_columns, dtype=dtype).reshape(n_rows, n_columns)


@given(st.data())
def test_any_selection_equals_numpys(data: st.DataObject) -> None:
    values = matrix(data.draw(st.integers(1, 40)))
    index = np.array(data.draw(st.lists(st.integers(0, len(values) - 1), max_size=60)), dtype=np.intp)
    source = MemorySource("x", values)
    taken = TakeRows(source, index)
    start = data.draw(st.integers(0, len(index)))
    stop = data.draw(st.integers(start, len(index)))
    assert taken.shape == (len(index), 4)
    np.testing.assert_array_equal(taken.rows(start, stop), values[index[start:stop]])
    if start < stop:
        wanted = set(index[start:stop].tolist())
        read = [row for low, high in source.reads for row in range(low, high)]
        assert sorted(read) == sorted(wanted), "each wanted row once, and no other"


def test_neighbours_are_read_in_one_piece_whatever_their_order() -> None:
    source = MemorySource("x", matrix(128))
    index = np.arange(128).reshape(2, 2, 32).swapaxes(1, 2).reshape(-1)
    TakeRows(source, index).rows(0, 64)
    assert source.reads == [(0, 64)]


def test_a_vector_is_permuted_by_value() -> None:
    source = MemorySource("x", np.arange(5, dtype=np.float32))
    taken = TakeRows(source, np.array([4, 0, 2]))
    assert taken.shape == (3,)
    assert taken.n_rows == 1
    np.testing.assert_array_equal(taken.rows(0, 1), [[4, 0, 2]])


def test_permutations_of_permutations_become_one() -> None:
    source = MemorySource("x", matrix(6))
    first = take_rows(source, np.array([5, 3, 1, 0]))
    second = take_rows(first, np.array([2, 0]))
    np.testing.assert_array_equal(second.rows(0, 2), matrix(6)[[1, 5]])
    assert second._source is source


def test_rows_that_do_not_exist_are_a_bug() -> None:
    with pytest.raises(IndexError, match="x"):
        TakeRows(MemorySource("x", matrix(3)), np.array([3]))
    with pytest.raises(IndexError):
        TakeRows(MemorySource("x", matrix(3)), np.array([-1]))


def test_bfloat16_stays_bits() -> None:
    bits = (matrix(4).view(np.uint32) >> 16).astype(np.uint16)
    taken = TakeRows(MemorySource("x", bits), np.array([2, 1]))
    assert taken.dtype == "bf16"
    np.testing.assert_array_equal(taken.float_rows(0, 2), matrix(4)[[2, 1]])


def test_packed_blocks_move_with_their_rows() -> None:
    values = np.random.default_rng(0).standard_normal((6, 64), dtype=np.float32)
    source = PackedSource("x", values)
    taken = TakeRows(source, np.array([3, 0, 5]))
    assert taken.packed_type == Q8_0
    np.testing.assert_array_equal(taken.packed_rows(1, 3), source.blocks[[0, 5]])


def test_small_tensors() -> None:
    half = MemorySource("norm", np.array([0.5, -1.0], dtype=np.float16))
    np.testing.assert_array_equal(AddConstant(half, 1.0).float_rows(0, 1), [[1.5, 0.0]])
    np.testing.assert_array_equal(ArrayRows("f", np.array([1, 2], dtype=np.float32)).rows(0, 1), [[1, 2]])
