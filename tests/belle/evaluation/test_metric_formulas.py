"""Rows of logits: the five likeliest of many, sums that must not overflow, and the divergence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.evaluation.metric_formulas import RowReader, kl_divergence, perplexity


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 20_000), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 3.0, 40.0]))
def test_a_row_equals_numpy_in_double_precision(n_vocab: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    p, q = (rng.standard_normal((2, n_vocab)) * scale).astype(np.float32)
    reader = RowReader(n_vocab)
    reading, other = reader.read(p), reader.read(q)
    wide_p, wide_q = p.astype(np.float64), q.astype(np.float64)
    log_p = wide_p - np.logaddexp.reduce(wide_p)
    log_q = wide_q - np.logaddexp.reduce(wide_q)
    assert reading.log_z == pytest.approx(np.logaddexp.reduce(wide_p), rel=1e-6, abs=1e-6)
    assert list(p[reading.top]) == sorted(p, reverse=True)[:5]
    terms = np.where(log_p > -16, np.exp(log_p) * (log_p - log_q), 0)
    assert kl_divergence(reader.likely(p, reading), q, other.log_z) == pytest.approx(terms.sum(), rel=1e-4, abs=1e-5)


def test_equal_logits_are_ranked_by_id() -> None:
    for n_vocab in (10, 50_000):
        logits = np.zeros(n_vocab, np.float32)
        logits[7] = 1
        assert RowReader(n_vocab).read(logits).top[0] == 7


@pytest.mark.parametrize("n_vocab", [10, 50_000])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_row_that_is_no_distribution_has_no_sum(n_vocab: int, bad: float) -> None:
    logits = np.zeros(n_vocab, np.float32)
    logits[3] = bad
    assert not math.isfinite(RowReader(n_vocab).read(logits).log_z)


def test_tokens_that_a_model_forbids_are_no_failure() -> None:
    logits = np.zeros(50_000, np.float32)
    logits[40_000:] = -math.inf
    reader = RowReader(50_000)
    reading = reader.read(logits)
    assert reading.log_z == pytest.approx(math.log(40_000))
    assert kl_divergence(reader.likely(logits, reading), logits, reading.log_z) == 0


def test_perplexity_of_equal_losses_has_no_error() -> None:
    assert perplexity(np.full(100, math.log(8))).value == pytest.approx(8)
    assert perplexity(np.full(100, math.log(8))).error == pytest.approx(0, abs=1e-12)
