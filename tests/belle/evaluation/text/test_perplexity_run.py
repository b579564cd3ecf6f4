"""Every figure against an independent computation from full logits, and what happens when something is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.evaluation.sources.base import chunk_rows
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from belle.models import catalog
from tests.belle.evaluation.tiny_models import TEXT, all_logits, change, pair

PROTOCOL = Protocol(n_ctx=64)
text = EvaluationText("text.txt", TEXT)


def session(tmp_path: Path, reference: Path, *candidates: Path, **options) -> PerplexityRun:
    options = {"protocol": PROTOCOL, "threads": 1, "text": text, **options}
    return PerplexityRun(reference, candidates, records=tmp_path / "records", **options)


def measured(tmp_path: Path, reference: Path, *candidates: Path, **options):
    with session(tmp_path, reference, *candidates, **options) as running:
        running.run()
        return running.figures()


def log_softmax(logits):
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


def by_hand(reference: Path, candidate: Path, windows, n_ctx: int):
    """nll of both, KL, Δp, same top and share of the top five, per token, from all logits of every window."""
    columns = []
    for ids in windows:
        first = n_ctx // 2
        p, q = (log_softmax(all_logits(path, ids))[first:-1] for path in (reference, candidate))
        targets = np.array(ids[first + 1 :])
        rows = np.arange(len(targets))
        counts = p > -16
        kl = np.where(counts, np.exp(p) * (p - q), 0).sum(axis=1)
        five = [np.argsort(-x, axis=1)[:, :5] for x in (p, q)]
        shared = [len(set(a) & set(b)) / 5 for a, b in zip(*five, strict=True)]
        a, b = p[rows, targets], q[rows, targets]
        columns.append(
            np.stack([-a, -b, kl, np.exp(b) - np.exp(a), p.argmax(axis=1) == q.argmax(axis=1), np.array(shared)])
        )
    return np.concatenate(columns, axis=1)


def test_every_figure_equals_an_independent_computation(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    with session(tmp_path, reference, candidate) as running:
        running.run()
        model, [found], about = running.figures()
        windows = [list(window.ids) for window in running._windows]
        pieces = [running._vocabulary.piece(token) for ids in windows for token in ids[33:]]
    assert all(ids[0] == 1 for ids in windows)
    assert about.n_windows == len(windows) > 5
    base, nll, kl, dp, same, five = by_hand(reference, candidate, windows, 64)
    n = base.size
    assert about.n_scored == n == 31 * len(windows)

    def error(x):
        return np.sqrt(((x * x).mean() - x.mean() ** 2) / (n - 1))

    near = {"rel": 1e-5, "abs": 1e-7}
    loss = found.loss
    ppl, ppl_base = np.exp(nll.mean()), np.exp(base.mean())
    covariance = ((nll * base).mean() - nll.mean() * base.mean()) / (n - 1)
    ratio_error = np.sqrt(error(nll) ** 2 + error(base) ** 2 - 2 * covariance)
    expected = {
        "ppl_base": (model.ppl.value, ppl_base),
        "ppl": (found.model.ppl.value, ppl),
        "ppl_error": (found.model.ppl.error, ppl * error(nll)),
        "ratio": (loss.ppl_ratio, ppl / ppl_base),
        "ln_ratio": (loss.ln_ratio, np.log(ppl / ppl_base)),
        "ln_ratio_error": (loss.ln_ratio_error, ratio_error),
        "ratio_error": (loss.ppl_ratio_error, ratio_error * ppl / ppl_base),
        "correlation": (loss.correlation, covariance / error(nll) / error(base)),
        "kl": (loss.kl, kl.mean()),
        "kl_error": (loss.kl_error, error(kl)),
        "kl_max": (loss.kl_max, kl.max()),
        "kl_min": (loss.kl_min, kl.min()),
        "dp": (loss.dp, dp.mean()),
        "dp_rms": (loss.dp_rms, np.sqrt((dp**2).mean())),
        "dp_rms_error": (loss.dp_rms_error, 0.5 / np.sqrt((dp**2).mean()) * error(dp**2)),
        "bits_per_byte": (found.model.bits_per_byte, nll.sum() / np.log(2) / sum(map(len, pieces))),
    }
    for name, (given, wanted) in expected.items():
        assert given == pytest.approx(wanted, **near), name
    assert loss.d_ppl == pytest.approx(ppl - ppl_base, rel=1e-5)
    d_error = (ppl * error(nll)) ** 2 + (ppl_base * error(base)) ** 2 - 2 * ppl * ppl_base * covariance
    assert loss.d_ppl_error == pytest.approx(np.sqrt(d_error), rel=1e-4)
    assert loss.same_top == pytest.approx(same.mean(), rel=1e-9)
    assert loss.same_top5 == pytest.approx(five.mean(), rel=1e-9)
    for fraction, value in loss.kl_quantiles.items():
        assert value == pytest.approx(np.quantile(kl, float(fraction)), rel=1e-5, abs=1e-7), fraction
    for fraction, value in loss.dp_quantiles.items():
        assert value == pytest.approx(np.quantile(dp, float(fraction)), rel=1e-5, abs=1e-7), fraction
    assert sum(found.kl_counts) == n
    assert np.mean(found.kl_by_position) == pytest.approx(kl.mean(), rel=0.1)
    assert found.model.prefill > 0
    assert found.model.decode > 0
    assert set(found.kl_by_script) == {"Chinese", "Latin", "other"}


def test_identical_models_differ_in_nothing(tmp_path: Path) -> None:
    reference, _ = pair(tmp_path)
    _, [found], _ = measured(tmp_path, reference, reference)
    assert (found.loss.kl, found.loss.kl_max, found.loss.kl_min) == (0, 0, 0)
    assert (found.loss.same_top, found.loss.same_top5, found.loss.dp_rms) == (1, 1, 0)
    assert (found.loss.d_ppl, found.loss.d_ppl_error, found.loss.ppl_ratio) == (0, 0, 1)


def test_a_stopped_session_goes_on_where_it_was(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    whole = measured(tmp_path, reference, candidate)

    class Stopped(Exception):  # noqa: N818
        pass

    def stop(done: int, total: int, left: float) -> None:
        if done == 2:
            raise Stopped

    with session(tmp_path, reference, candidate) as running, pytest.raises(Stopped):
        running.run(stop)
    assert running.n_done == 2
    with (tmp_path / "records").open("ab") as file:
        file.write(b"half a window")
    seen: list[int] = []
    with session(tmp_path, reference, candidate, resume=True) as running:
        assert running.n_done == 2
        assert running.figures()[2].n_windows == 2
        running.run(lambda done, *_: seen.append(done))
        resumed = running.figures()
    assert seen[0] == 3
    assert resumed[1][0].loss == whole[1][0].loss


def test_records_of_another_text_are_not_continued(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    measured(tmp_path, reference, candidate)
    with session(tmp_path, reference, candidate, resume=True, text=EvaluationText("b", TEXT + "!")) as running:
        assert running.n_done == 0


def test_a_candidate_that_predicts_nan_is_named_and_the_others_are_measured(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(candidate.read_bytes())
    change(broken, "output.weight", lambda w: np.where(np.arange(len(w))[:, None] == 7, np.nan, w))
    alone = measured(tmp_path, reference, candidate)[1][0].loss
    _, [first, second], about = measured(tmp_path, reference, broken, candidate)
    assert "NaN" in first.model.failure
    assert first.loss is None
    assert second.loss == alone
    assert about.n_windows == about.n_windows_planned


def test_a_reference_that_predicts_nan_ends_it(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    change(reference, "output.weight", lambda w: w * np.nan)
    with pytest.raises(KnownError, match=r"reference\.gguf predicts NaN"):
        measured(tmp_path, reference, candidate)


def test_short_text_and_other_vocabularies_are_refused_at_once(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    with pytest.raises(KnownError, match="fewer than two windows of 64"):
        session(tmp_path, reference, candidate, text=EvaluationText("short", "hello " * 20))
    data = candidate.read_bytes()
    candidate.write_bytes(data.replace("▁Human".encode(), "▁Humaz".encode()))
    with pytest.raises(KnownError, match="Token 264 is '▁Humaz' in candidate"):
        session(tmp_path, reference, candidate)
    with pytest.raises(KnownError) as caught:
        session(tmp_path, reference, catalog.resolve("starter").path)
    assert caught.value.kind == "other_vocabulary"


def test_chunks_give_the_logits_of_whole_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vocabulary of 250,880 is read 64 rows at a time."""
    reference, candidate = pair(tmp_path)
    protocol = Protocol(n_ctx=512)
    many = EvaluationText("many", TEXT * 4)
    whole = measured(tmp_path, reference, candidate, protocol=protocol, text=many)[1][0]
    for module in ("sources.llama", "text.comparison"):
        monkeypatch.setattr(f"belle.evaluation.{module}.chunk_rows", lambda _: 64)
    pieces = measured(tmp_path, reference, candidate, protocol=protocol, text=many)[1][0]
    assert pieces.loss == whole.loss
    assert pieces.model.ppl == whole.model.ppl


@pytest.mark.parametrize(("n_vocab", "rows"), [(250_880, 64), (151_936, 64), (49_152, 256), (32_000, 384)])
def test_a_chunk_is_bounded_and_whole_tiles(n_vocab: int, rows: int) -> None:
    assert chunk_rows(n_vocab) == rows


@pytest.mark.slow
def test_the_starter_model_has_the_perplexity_that_the_high_level_class_gives(tmp_path: Path) -> None:
    model = catalog.resolve("starter").path
    words = (Path(__file__).parents[4] / "assets/text/en.txt").read_text(encoding="utf-8")
    protocol = Protocol(n_ctx=128, chunks=3)
    with session(tmp_path, model, text=EvaluationText("en", words), protocol=protocol) as running:
        running.run()
        figures, _, about = running.figures()
        windows = [list(window.ids) for window in running._windows]
    nll = []
    for ids in windows:
        log_p = log_softmax(all_logits(model, ids))[64:-1]
        nll.append(-log_p[np.arange(63), ids[65:]])
    assert about.n_scored == 3 * 63
    assert figures.ppl.value == pytest.approx(np.exp(np.concatenate(nll).mean()), rel=1e-6)
