"""The table of a sweep: means and intervals against closed forms and a simulation, and its forms."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest

from belle.evaluation.intervals import student_quantile
from belle.sweep.forms import csv_text, json_document, markdown, text_table
from belle.sweep.grid import SweepRun, sweep_runs
from belle.sweep.sweep import RunResult
from belle.sweep.table import loss_change, per_token_loss, sweep_table


def result(run: SweepRun, shift: float = 0.0, *, problem: str = "") -> RunResult:
    if problem:
        return RunResult(run, problem)
    mix = {"domain_rows": 10, "general_rows": 20, "domain_tokens": 100, "general_tokens": 250}
    losses = [(2.0 * n + shift * n, n) for n in range(5, 25)]
    scores = {f"i{n}": min(1.0, (n % 4) / 4 + shift) for n in range(30)}
    return RunResult(run, mix=mix, losses=losses, scores=scores)


RUNS = sweep_runs(["mix.ratio=1:0,1:2,1:5"], seeds=2, first_seed=1)


def test_with_one_token_a_row_the_interval_is_students() -> None:
    values = [1.0, 2.0, 4.0, 5.0, 7.0, 1.5]
    estimate = per_token_loss([[(value, 1) for value in values]])
    half = student_quantile(5) * np.std(values, ddof=1) / math.sqrt(6)
    assert estimate.value == pytest.approx(np.mean(values))
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half)
    assert estimate.seed_half is None


def test_the_interval_of_the_loss_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(600):
        tokens = rng.integers(5, 60, 80)
        rows = rng.normal(2.0, 0.5, 80)  # the loss of each row; its tokens depend on each other
        sums = rows * tokens + rng.normal(0, 1, 80) * np.sqrt(tokens)
        estimate = per_token_loss([list(zip(sums.tolist(), tokens.tolist(), strict=True))])
        covered += estimate.low <= 2.0 <= estimate.high
    assert 0.93 <= covered / 600 <= 0.97


def test_the_interval_over_two_seeds_is_wide() -> None:
    estimate = per_token_loss([[(2.0, 1)] * 9, [(3.0, 1)] * 9])
    assert estimate.value == 2.5
    assert estimate.seed_half == pytest.approx(12.7062 * math.sqrt(0.5) / math.sqrt(2))
    assert estimate.low == estimate.high == 2.5


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.7062), (2, 4.3027), (5, 2.5706), (6, 2.4469), (30, 2.0423)])
def test_students_quantiles_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_quantile(degrees) == pytest.approx(quantile, abs=5e-4)


def test_a_change_is_measured_on_the_same_rows_or_not_at_all() -> None:
    before = [[(10.0, 5), (30.0, 10), (8.0, 4)]]
    after = [[(9.0, 5), (28.0, 10), (7.2, 4)]]
    change = loss_change(before, after)
    assert change is not None
    assert change.value == pytest.approx(-3.8 / 19) and change.high < 0
    assert loss_change(before, [[(9.0, 5), (28.0, 11), (7.2, 4)]]) is None
    assert loss_change(before, [[(9.0, 5)]]) is None


def test_runs_with_the_same_values_are_one_row_and_failures_are_named() -> None:
    results = [
        result(RUNS[0]),
        result(RUNS[1], 0.02),
        result(RUNS[2], -0.1),
        result(RUNS[3], problem="the disk broke"),
        result(RUNS[4], problem="no | memory"),
        result(RUNS[5], problem="no <b>memory"),
    ]
    first, second, third = sweep_table(results)
    assert (first.seeds, second.seeds, third.seeds) == (2, 1, 0)
    assert first.loss is not None and first.loss.value == pytest.approx(2.01) and first.loss_change is None
    assert second.loss_change is not None and second.loss_change.value == pytest.approx(-0.11)
    assert second.score_change is not None and second.score_change.n == 30
    assert third.loss is None and len(third.problems) == 2
    shown = text_table([first, second, third])
    assert "mix.ratio=1:2" in shown and "mix.ratio=1-2,seed=2 failed: the disk broke" in shown and "10 : 20" in shown
    page = markdown([first, second, third], "recipe")
    assert "no \\| memory" in page and "<b>" not in page
    rows = list(csv.DictReader(io.StringIO(csv_text([first, second, third]))))
    assert {row["figure"] for row in rows} == {"loss", "loss_change", "score", "score_change", "failed"}
    document = json.loads(json_document([first, second, third], {"recipe": "r"}))
    assert document["rows"][0]["loss"]["n"] == 20 and document["rows"][2]["loss"] is None


def test_a_sweep_of_which_nothing_is_left_has_a_table_too() -> None:
    rows = sweep_table([result(run, problem="broken") for run in RUNS])
    assert text_table(rows).count("failed: broken") == 6
    assert [row.seeds for row in rows] == [0, 0, 0]
