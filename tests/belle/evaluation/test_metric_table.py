"""The table of metrics: each is computed from rows of logits, knows which way is better, and is shown where it says."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.evaluation.measurement import CandidateFigures, Measurement, ModelFigures
from belle.evaluation.metric_formulas import (
    Loss,
    Perplexity,
    ReferenceToken,
    RowReader,
    TokenLosses,
    token_losses,
)
from belle.evaluation.metric_table import BY_KEY, METRICS, MISSING, ModelRow, tables
from belle.evaluation.report.csv_table import csv_table
from belle.evaluation.report.difference import difference
from belle.evaluation.report.markdown import markdown, summary

N_VOCAB, N = 400, 300

MODEL = ModelFigures(
    name="model.gguf", path="", files={"model.gguf": "00"}, architecture="llama", quantization="Q4_0", size=2_000_000,
    n_params=1, bits_per_weight=4.5, n_vocab=N_VOCAB, ppl=Perplexity(9.0, 0.5), bits_per_byte=1.25, prefill=100.0,
    decode=10.0, memory=3_000_000, nll_by_position=[], nll_by_script={},
)  # fmt: skip


def loss_with(noise: float, seed: int = 7) -> Loss:
    """Of a candidate whose logits are the reference's with noise, on text that the reference would write."""
    rng = np.random.default_rng(seed)
    reader = RowReader(N_VOCAB)
    nll, records = [], []
    for row in 3 * rng.standard_normal((N, N_VOCAB)).astype(np.float32):
        reading = reader.read(row)
        target = int((row + rng.gumbel(size=N_VOCAB)).argmax())
        nll.append(reading.log_z - float(row[target]))
        other = row + np.float32(noise) * rng.standard_normal(N_VOCAB).astype(np.float32)
        expected = ReferenceToken(target, nll[-1], reading, reader.likely(row, reading))
        records.append(token_losses(expected, other, reader.read(other)))
    return Loss.of(np.array(nll), TokenLosses(*np.array(records, np.float64).T))


def measurement(*losses: Loss | None) -> Measurement:
    reference = replace(MODEL, name="reference.gguf")
    candidates = [
        CandidateFigures(replace(MODEL, name=f"candidate-{i}.gguf"), one, [], [], {}) for i, one in enumerate(losses)
    ]
    return Measurement(reference, candidates, None, False, [], [], ["belle"], "", 0.0, None, {}, {})


@pytest.fixture(scope="module")
def result() -> Measurement:
    return measurement(loss_with(0.1), loss_with(0.5))


@pytest.mark.parametrize("key", [key for key, metric in BY_KEY.items() if metric.loss and metric.better])
def test_less_noise_is_better_by_every_metric_that_says_so(key: str, result: Measurement) -> None:
    exact, little, much = (
        BY_KEY[key].cost(ModelRow(MODEL, x)) for x in (loss_with(0.0), *(c.loss for c in result.candidates))
    )
    assert exact is not None and little is not None and much is not None
    assert exact <= little < much


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_model_has_lost_nothing_against_itself(seed: int) -> None:
    same = loss_with(0.0, seed)
    assert (same.kl, same.kl_max, same.d_ppl, same.ppl_ratio) == (pytest.approx(0, abs=1e-9),) * 3 + (1.0,)
    assert (same.same_top, same.same_top5, same.dp_rms, same.correlation) == (1.0, 1.0, 0.0, pytest.approx(1.0))


def test_every_metric_heads_a_column_in_csv_and_in_its_table(result: Measurement) -> None:
    lines = list(csv.DictReader(io.StringIO(csv_table(result))))
    row = ModelRow(result.candidates[0].model, result.candidates[0].loss)
    text = markdown(result)
    for title, metrics in METRICS.items():
        assert f"## {title}" in text
        heads = " | ".join(metric.name for metric in metrics)
        assert f"| Model | {heads} |" in text
        for metric in metrics:
            assert float(lines[1][metric.key]) == metric.value(row)
            assert metric.words(row) in text


def test_keys_are_unique_and_names_are_unique_in_a_table() -> None:
    assert len(BY_KEY) == sum(map(len, METRICS.values()))
    for metrics in METRICS.values():
        names = [metric.name for metric in metrics if metric.name != "±"]
        assert len(names) == len(set(names))
        assert all(not metric.better for metric in metrics if metric.name == "±")
        assert all(bool(metric.model) != bool(metric.loss) for metric in metrics)


def test_a_metric_is_shown_where_it_says(result: Measurement) -> None:
    head = summary(result).splitlines()[0]
    changes = difference(result, measurement(loss_with(0.2), loss_with(0.3)))
    for metric in BY_KEY.values():
        if metric.name != "±":
            assert (metric.name in head) == ("summary" in metric.also), metric.key
            assert (f"\n  {metric.name}  " in changes) == ("diff" in metric.also), metric.key


def test_different_vocabularies_are_compared_by_what_a_model_alone_has() -> None:
    shown = tables(replace(measurement(None), only_bytes=True))
    assert [title for title, _ in shown] == ["Size and speed", "Loss"]
    assert [metric.key for metric in shown[1][1]] == ["ppl", "ppl_error", "bits_per_byte"]


def test_what_is_missing_is_not_a_number() -> None:
    row = ModelRow(replace(MODEL, decode=None, ppl=None, bits_per_weight=0.0), None)
    for key in ("decode_tokens_per_s", "ppl", "ppl_error", "bits_per_weight", "kl_mean", "same_top"):
        assert BY_KEY[key].words(row) == MISSING
        assert BY_KEY[key].cost(row) is None
    assert BY_KEY["size_bytes"].words(row) == "2.0 MB"
    assert BY_KEY["same_top"].cost(ModelRow(MODEL, loss_with(0.0))) == -1.0
