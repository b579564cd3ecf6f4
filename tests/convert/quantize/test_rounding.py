"""The algorithms on matrices whose inputs are correlated, as those of layers are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as T
from gguf.quants import dequantize
from threadpoolctl import threadpool_limits

from belle.errors import KnownError
from convert.quantize.coordinate_descent import descend
from convert.quantize.embeddings import embedding_moments
from convert.quantize.error_feedback import round_with_feedback
from convert.quantize.formats import FORMATS, BlockFormat, Blocks, pack, unpack, values
from convert.quantize.grid import Grid
from convert.quantize.hessian import Hessian, Moments, prepare
from convert.quantize.matrix import round_matrix
from convert.quantize.scales import first_blocks, quantized
from convert.rows.arrange import ArrayRows

KINDS = pytest.mark.parametrize("kind", FORMATS.values(), ids=lambda form: form.type.name)
COLUMNS, ROWS = 256, 48


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return (np.random.default_rng(1).standard_t(4, (ROWS, COLUMNS)) * 0.03).astype(np.float32)


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    rng = np.random.default_rng(2)
    mixed = rng.standard_normal((2000, COLUMNS)) @ (
        rng.standard_normal((COLUMNS, COLUMNS)) * np.exp(-np.arange(COLUMNS) / 60)
    )
    return (mixed + rng.standard_normal((2000, COLUMNS))).astype(np.float32)


@pytest.fixture(scope="module")
def metric(inputs: np.ndarray) -> Hessian:
    moments = Moments(COLUMNS)
    for start in range(0, len(inputs), 512):
        moments.add(inputs[start : start + 512])
    return prepare(moments)


def identity() -> Hessian:
    moments = Moments(COLUMNS)
    moments.sum += np.eye(COLUMNS, dtype=np.float32)
    return prepare(moments)


def output_error(inputs: np.ndarray, weights: np.ndarray, found: np.ndarray) -> float:
    """By the definition: the layer computed twice."""
    return float(np.square(inputs @ (found - weights).T).sum() / np.square(inputs @ weights.T).sum())


def nearest(kind: BlockFormat, blocks: Blocks, weights: np.ndarray) -> np.ndarray:
    """For every weight the value on its grid that is nearest."""
    candidates = np.stack(
        [
            values(kind, blocks.with_codes(np.full_like(blocks.codes, code)))
            for code in range(kind.lowest, kind.highest + 1)
        ]
    )
    at = np.abs(candidates - weights).argmin(axis=0)[None]
    return np.take_along_axis(candidates, at, axis=0)[0]


def test_the_factor_is_that_of_the_inverse(metric: Hessian) -> None:
    ordered = metric.moments[np.ix_(metric.order, metric.order)].astype(np.float64)
    factor = metric.factor.astype(np.float64)
    np.testing.assert_allclose(factor.T @ factor @ ordered, np.eye(COLUMNS), atol=1e-4)
    assert (np.diff(metric.importance()[metric.order]) <= 0).all()


def test_output_errors_are_those_of_the_layer(metric: Hessian, inputs: np.ndarray, weights: np.ndarray) -> None:
    change = np.random.default_rng(3).standard_normal(weights.shape).astype(np.float32)
    expected = np.square(inputs @ change.T).sum(axis=0)
    np.testing.assert_allclose(metric.output_error(np.ascontiguousarray(change.T)), expected, rtol=1e-3)


@KINDS
def test_without_correlations_it_is_rounding_to_the_nearest(kind: BlockFormat, weights: np.ndarray) -> None:
    blocks = unpack(kind, quantized(kind.type, weights, None))
    grid = Grid(kind, blocks)
    round_with_feedback(np.ascontiguousarray(weights.T), grid, identity())
    np.testing.assert_allclose(
        np.abs(grid.values().T - weights), np.abs(nearest(kind, blocks, weights) - weights), atol=1e-7
    )


@KINDS
def test_feedback_and_descent_make_the_output_better(
    kind: BlockFormat, metric: Hessian, inputs: np.ndarray, weights: np.ndarray
) -> None:
    turned = np.ascontiguousarray(weights.T)
    plain = output_error(inputs, weights, dequantize(quantized(kind.type, weights, None), kind.type))
    weighed = output_error(inputs, weights, dequantize(quantized(kind.type, weights, metric.importance()), kind.type))
    grid = Grid(kind, first_blocks(kind, weights, metric))
    round_with_feedback(turned, grid, metric)
    errors = [output_error(inputs, weights, dequantize(pack(kind, grid.blocks()), kind.type))]
    assert errors[0] < 0.8 * min(plain, weighed)
    damped = [float(np.einsum("cr,cr->", metric.moments @ (turned - grid.values()), turned - grid.values()))]
    for _ in range(3):
        descend(turned, grid, metric, 1)
        error = turned - grid.values()
        damped.append(float(np.einsum("cr,cr->", metric.moments @ error, error)))
        errors.append(output_error(inputs, weights, dequantize(pack(kind, grid.blocks()), kind.type)))
    assert all(after <= before * (1 + 1e-4) for before, after in pairwise(damped))
    assert errors[-1] < 0.99 * errors[0]


@KINDS
def test_scales_alone_are_set_to_the_best(kind: BlockFormat, metric: Hessian, weights: np.ndarray) -> None:
    """Weights that lie on a grid with a wrong d are found again."""
    blocks = unpack(kind, quantized(kind.type, weights, None))
    exact = np.ascontiguousarray(values(kind, blocks).T)
    wrong = Blocks(blocks.codes, (blocks.d * np.float16(0.98)), blocks.dmin, blocks.scale, blocks.minimum)
    grid = Grid(kind, wrong)
    before = metric.output_error(exact - grid.values()).sum()
    descend(exact, grid, metric, 8)
    assert metric.output_error(exact - grid.values()).sum() < 0.15 * before


@KINDS
def test_no_row_is_worse_than_with_ggml(
    kind: BlockFormat, metric: Hessian, inputs: np.ndarray, weights: np.ndarray
) -> None:
    parts: dict[int, np.ndarray] = {}
    source = ArrayRows("layer", weights)
    with ThreadPoolExecutor(2) as pool, threadpool_limits(limits=1, user_api="blas"):
        errors = round_matrix(kind.type, source, metric, pool=pool, n_threads=2, write=parts.__setitem__)
    found = dequantize(np.concatenate([parts[start] for start in sorted(parts)]), kind.type)
    mine = np.square(inputs @ (found - weights).T).sum(axis=0)
    for importance, reported in ((None, errors.rtn), (metric.importance(), errors.imatrix)):
        theirs = dequantize(quantized(kind.type, weights, importance), kind.type)
        assert output_error(inputs, weights, theirs) == pytest.approx(reported, rel=1e-2)
        assert (mine <= 1.001 * np.square(inputs @ (theirs - weights).T).sum(axis=0) + 1e-6).all()
    assert output_error(inputs, weights, found) == pytest.approx(errors.gptq, rel=1e-2)
    assert errors.gptq < 0.8 * errors.imatrix
    assert errors.kept < ROWS / 10


def test_where_ggml_is_better_its_rows_are_kept(weights: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.quantize.matrix.round_with_feedback", lambda weights, grid, metric: grid.codes.fill(0))
    monkeypatch.setattr("convert.quantize.matrix.descend", lambda *_: None)
    parts: dict[int, np.ndarray] = {}
    with ThreadPoolExecutor(1) as pool:
        errors = round_matrix(
            T.Q5_0, ArrayRows("layer", weights), identity(), pool=pool, n_threads=1, write=parts.__setitem__
        )
    assert errors.kept == ROWS
    assert errors.gptq <= min(errors.rtn, errors.imatrix)


def test_columns_that_are_never_used_do_no_harm(weights: np.ndarray) -> None:
    moments = Moments(COLUMNS)
    rows = np.random.default_rng(0).standard_normal((300, COLUMNS)).astype(np.float32)
    rows[:, ::3] = 0
    moments.add(rows)
    metric = prepare(moments)
    grid = Grid(FORMATS[T.Q4_0], first_blocks(FORMATS[T.Q4_0], weights, metric))
    round_with_feedback(np.ascontiguousarray(weights.T), grid, metric)
    assert np.isfinite(grid.values()).all()


def test_a_weight_that_is_no_number_is_named(metric: Hessian, weights: np.ndarray) -> None:
    broken = weights.copy()
    broken[5, 7] = np.nan
    with ThreadPoolExecutor(1) as pool, pytest.raises(KnownError) as refusal:
        round_matrix(T.Q4_0, ArrayRows("blk.0.x", broken), metric, pool=pool, n_threads=1, write=lambda *_: None)
    assert refusal.value.kind == "not_finite"
    assert "blk.0.x" in str(refusal.value)
    assert "row 5, column 7" in str(refusal.value)


@pytest.mark.parametrize("enough", [True, False])
def test_weights_make_good_for_what_has_happened_to_their_inputs(
    inputs: np.ndarray, weights: np.ndarray, monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    """The layer computed twice, on other inputs than the original's: rounding what is corrected comes nearer to it.

    With too few inputs nothing is corrected.
    """
    per_column = len(inputs) // COLUMNS
    monkeypatch.setattr("convert.quantize.hessian.ROWS_PER_COLUMN", per_column if enough else per_column + 1)
    rng = np.random.default_rng(9)
    others = inputs + 0.1 * inputs @ rng.standard_normal((COLUMNS, COLUMNS)).astype(np.float32) / 16
    wanted = inputs @ weights.T
    found: dict[bool, float] = {}
    for corrected in (False, True):
        moments = Moments(COLUMNS)
        moments.add(others, inputs if corrected else None)
        parts: dict[int, np.ndarray] = {}
        with ThreadPoolExecutor(1) as pool:
            round_matrix(
                T.Q4_K, ArrayRows("layer", weights), prepare(moments), pool=pool, n_threads=1, write=parts.__setitem__
            )
        found[corrected] = float(np.square(others @ dequantize(parts[0], T.Q4_K).T - wanted).sum())
    assert found[True] < 0.4 * found[False] if enough else found[True] == found[False]


def test_embeddings_are_rounded_for_the_matrices_that_read_them(weights: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    table = rng.standard_normal((40, COLUMNS)).astype(np.float32)
    tokens = [int(i) for i in rng.integers(0, 40, 500)]
    norm = (0.2 + rng.random(COLUMNS)).astype(np.float32)
    rows = table[tokens] / np.sqrt(np.square(table[tokens]).mean(axis=1, keepdims=True)) * norm
    moments = Moments(COLUMNS)
    moments.add(rows)
    reader = ArrayRows("blk.0.attn_q.weight", weights)
    metric = prepare(embedding_moments(ArrayRows("token_embd.weight", table), tokens, {"q": reader}, {"q": moments}))
    parts: dict[int, np.ndarray] = {}
    with ThreadPoolExecutor(1) as pool:
        round_matrix(
            T.Q4_0, ArrayRows("token_embd.weight", table), metric, pool=pool, n_threads=1, write=parts.__setitem__
        )

    def read(embeddings: np.ndarray) -> np.ndarray:
        return embeddings / np.sqrt(np.square(embeddings).mean(axis=1, keepdims=True)) * norm @ weights.T

    def error(embeddings: np.ndarray) -> float:
        return float(np.square(read(embeddings) - read(table)).sum())

    assert error(dequantize(parts[0], T.Q4_0)) < 0.5 * error(dequantize(quantized(T.Q4_0, table, None), T.Q4_0))
