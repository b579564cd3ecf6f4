"""Codes and scales to bits and back, against ggml and against gguf-py, which know the layouts independently."""

from __future__ import annotations

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as T
from gguf.quants import dequantize
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.gguf import ggml
from convert.quantize.formats import FORMATS, BlockFormat, Blocks, pack, unpack, values
from convert.quantize.grid import Grid
from convert.quantize.scales import quantized

KINDS = pytest.mark.parametrize("kind", FORMATS.values(), ids=lambda form: form.type.name)


def random_blocks(form: BlockFormat, rng: np.random.Generator, n_rows: int, n_spans: int) -> Blocks:
    """Anything that a block can hold, with finite scales."""
    columns, groups = n_spans * form.span, n_spans * form.groups

    def halves() -> np.ndarray:
        return (rng.standard_normal((n_rows, n_spans)) * 10.0 ** rng.integers(-4, 3)).astype(np.float16)

    has_scale = form.groups > 1
    return Blocks(
        rng.integers(form.lowest, form.highest + 1, (n_rows, columns)).astype(np.uint8),
        halves(),
        halves() if form.has_minimum else None,
        rng.integers(form.scales[0], form.scales[1] + 1, (n_rows, groups)).astype(np.int8) if has_scale else None,
        rng.integers(0, form.minima + 1, (n_rows, groups)).astype(np.uint8) if has_scale and form.has_minimum else None,
    )


@KINDS
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), n_rows=st.integers(1, 5), n_spans=st.integers(1, 4))
def test_what_is_packed_is_what_was_meant(kind: BlockFormat, seed: int, n_rows: int, n_spans: int) -> None:
    blocks = random_blocks(kind, np.random.default_rng(seed), n_rows, n_spans)
    packed, meant = pack(kind, blocks), values(kind, blocks)
    np.testing.assert_allclose(dequantize(packed, kind.type), meant, rtol=1e-6, atol=1e-7 * np.abs(meant).max())
    theirs = ggml.dequantize(kind.type, packed.reshape(-1), meant.size).reshape(meant.shape)
    np.testing.assert_allclose(theirs, meant, rtol=1e-6, atol=1e-7 * np.abs(meant).max())
    np.testing.assert_array_equal(pack(kind, unpack(kind, packed)), packed)
    np.testing.assert_array_equal(unpack(kind, packed).codes, blocks.codes)


@KINDS
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_blocks_of_ggml_survive(kind: BlockFormat, seed: int) -> None:
    weights = np.random.default_rng(seed).standard_t(3, (3, 512)).astype(np.float32)
    theirs = quantized(kind.type, weights, None)
    blocks = unpack(kind, theirs)
    np.testing.assert_array_equal(pack(kind, blocks), theirs)
    # And the way through the transposed form that the algorithms use.
    grid = Grid(kind, blocks)
    np.testing.assert_array_equal(pack(kind, grid.blocks()), theirs)
    np.testing.assert_allclose(grid.values().T, dequantize(theirs, kind.type), rtol=1e-6, atol=1e-7)


def test_zeros_are_zeros() -> None:
    for kind in (T.Q4_0, T.Q6_K):
        blocks = unpack(FORMATS[kind], quantized(kind, np.zeros((2, 256), np.float32), None))
        assert not values(FORMATS[kind], blocks).any()
