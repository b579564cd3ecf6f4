"""Q8_0 in numpy gives ggml's bytes, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as T
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from belle.gguf import ggml
from convert.output import q8_0
from convert.output.scratch import Scratch


def both(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.ascontiguousarray(values, np.float32)
    ours, theirs = (np.empty(values.size // 32 * 34, np.uint8) for _ in range(2))
    q8_0.quantize(values, ours, Scratch())
    ggml.quantize(T.Q8_0, values.reshape(1, -1), theirs, None)
    return ours, theirs


def test_every_half_as_the_largest_of_its_block() -> None:
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    blocks = halves[:, None] * np.linspace(-1, 1, 32, dtype=np.float32)
    blocks = blocks.astype(np.float16).astype(np.float32)
    blocks[:, 31] = halves
    assert np.array_equal(*both(blocks.reshape(-1)))


def test_ties_round_away_from_zero() -> None:
    ties = (np.arange(-127, 128, dtype=np.float32) * 2 + 1) / 2
    below, above = np.nextafter(ties, np.float32(-1e9)), np.nextafter(ties, np.float32(1e9))
    values = np.concatenate([ties, below, above, [0.49999997, -0.49999997, 0.5, -0.5, 0.0, -0.0]]).astype(np.float32)
    values = values[np.abs(values) <= 127]
    values = np.resize(values, (-(-values.size // 31) * 31)).reshape(-1, 31)
    blocks = np.concatenate([values, np.full((len(values), 1), 127, np.float32)], axis=1)
    ours, theirs = both(blocks.reshape(-1))
    assert np.array_equal(ours, theirs)
    assert ours[2:34].view(np.int8)[0] == -127


@pytest.mark.parametrize("n", [32, 1 << 17, (1 << 17) + 32, 3 * (1 << 17) - 64])
def test_pieces_of_any_size(n: int) -> None:
    rng = np.random.default_rng(n)
    assert np.array_equal(*both((rng.standard_t(2, n) * 0.1).astype(np.float16)))


def test_zeros() -> None:
    ours, theirs = both(np.zeros(64))
    assert np.array_equal(ours, theirs)
    assert not ours.any()


@settings(max_examples=300, deadline=None)
@given(arrays(np.float16, 64, elements=st.floats(-65504, 65504, width=16)))
def test_any_halves(values: np.ndarray) -> None:
    assert np.array_equal(*both(values))
