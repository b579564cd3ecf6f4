"""Where the loss is: exchanged tensors against real files, errors against numpy, and a broken tensor that is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from belle.engine.llama.activations import ActivationReader
from belle.errors import KnownError
from belle.evaluation.layers.exchange import ExchangeModel, spread
from belle.evaluation.layers.sensitivity import LayerSample, Sensitivity
from belle.evaluation.layers.sensitivity_table import SensitivityTable
from belle.evaluation.layers.weight_file import WeightFile, differing
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.evaluation.layered_models import BROKEN, NOISY, broken_pair, noisy_pair
from tests.belle.evaluation.tiny_models import TEXT, change

PROTOCOL = Protocol(n_ctx=64)


def analysed(tmp_path: Path, reference: Path, candidate: Path, **options) -> tuple[SensitivityTable, Sensitivity]:
    try_types = options.pop("try_types", False)
    sample = LayerSample(TEXT, PROTOCOL, **{"n_windows": 3, "threads": 1, **options})
    found = Sensitivity(WeightFile(reference), WeightFile(candidate), sample, tmp_path, try_types=try_types)
    found.run()
    return found.result(), found


def measured_kl(tmp_path: Path, reference: Path, candidate: Path) -> float:
    with PerplexityRun(
        reference, [candidate], EvaluationText("t", TEXT), PROTOCOL, tmp_path / "records", threads=1
    ) as session:
        session.run()
        return session.figures()[1][0].loss.kl


def test_a_zeroed_tensor_is_found_at_its_layer(tmp_path: Path) -> None:
    layers, _ = analysed(tmp_path, *broken_pair(tmp_path))
    worst = layers.tensors[0]
    assert worst.name == BROKEN == "blk.2.ffn_down.weight"
    assert worst.block == 2
    assert worst.weight_error == worst.output_error == pytest.approx(1)
    assert worst.kl_back > 0.5 * layers.kl
    assert worst.kl_back > 3 * layers.tensors[1].kl_back
    assert worst.kl_back > 5 * worst.kl_back_error
    assert max(layers.blocks, key=lambda group: group.kl_back).name == "blk.2"
    assert max(layers.roles, key=lambda group: group.kl_back).name == "ffn_down"
    assert layers.complete


def test_restoring_everything_gives_back_everything(tmp_path: Path) -> None:
    reference, candidate = noisy_pair(tmp_path)
    with ExchangeModel(
        WeightFile(reference), WeightFile(candidate), TEXT, PROTOCOL, n_windows=99, folder=tmp_path, threads=1
    ) as model:
        assert model.base_kl().value == pytest.approx(measured_kl(tmp_path, reference, candidate), rel=1e-12)
        assert model.recovered(NOISY).value == pytest.approx(model.base_kl().value, rel=1e-12)
        assert model.recovered([]).value == 0


def test_an_exchanged_tensor_is_that_tensor_in_a_real_file(tmp_path: Path) -> None:
    """Types and bytes change in memory as they would by writing another GGUF, repacked kernels and all."""
    reference, candidate = noisy_pair(tmp_path)
    mixed = tmp_path / "mixed.gguf"
    shutil.copy(candidate, mixed)
    for name in NOISY[:2]:
        change(mixed, name, lambda _, name=name: tensor(reference, name))
    expected = measured_kl(tmp_path, reference, candidate) - measured_kl(tmp_path, reference, mixed)
    with ExchangeModel(
        WeightFile(reference), WeightFile(candidate), TEXT, PROTOCOL, n_windows=99, folder=tmp_path, threads=1
    ) as model:
        assert model.recovered(NOISY[:2]).value == pytest.approx(expected, rel=1e-9)
        assert model.recovered(NOISY[:2]).value == model.recovered(NOISY[:2]).value


def test_errors_equal_the_definitions(tmp_path: Path) -> None:
    reference, candidate = noisy_pair(tmp_path)
    layers, _ = analysed(tmp_path, reference, candidate, n_windows=2, n_tensors=0)
    inputs: dict[str, list[np.ndarray]] = {}
    with ActivationReader(
        reference, lambda name, rows: inputs.setdefault(name, []).append(rows.copy()), threads=1, output_too=True
    ) as reader:
        vocabulary = reader.vocabulary
        tokens = [vocabulary.bos, *vocabulary.tokenize(TEXT.removesuffix("\n"))]
        windows = [[vocabulary.bos, *tokens[i + 1 : i + 64]] for i in range(0, len(tokens) - 63, 64)]
        list(reader.read(spread(windows, 2)))
    for row in layers.tensors:
        w, q = (tensor(path, row.name).astype(np.float64) for path in (reference, candidate))
        assert row.weight_error == pytest.approx(((w - q) ** 2).sum() / (w**2).sum(), rel=1e-4)
        if row.name == "token_embd.weight":
            ids = np.array(spread(windows, 2)).ravel()
            expected = ((w - q)[ids] ** 2).sum() / (w[ids] ** 2).sum()
        else:
            x = np.concatenate(inputs[row.name]).astype(np.float64)
            h = x.T @ x
            expected = np.trace((w - q) @ h @ (w - q).T) / np.trace(w @ h @ w.T)
        assert row.output_error == pytest.approx(expected, rel=1e-3), row.name
    assert {row.name for row in layers.tensors} == set(NOISY)
    assert layers.n_restored == 0
    assert all(row.kl_back is None and row.estimate >= 0 for row in layers.tensors)


def test_the_most_suspicious_tensors_are_restored_first(tmp_path: Path) -> None:
    layers, _ = analysed(tmp_path, *broken_pair(tmp_path), n_tensors=1)
    assert [row.name for row in layers.tensors if row.kl_back is not None] == [BROKEN]
    assert layers.n_restored == 1
    assert layers.tensors[1].estimate is not None


def test_what_was_found_before_an_interruption_is_kept(tmp_path: Path) -> None:
    reference, candidate = noisy_pair(tmp_path)
    found = Sensitivity(
        WeightFile(reference), WeightFile(candidate), LayerSample(TEXT, PROTOCOL, n_windows=1, threads=1), tmp_path
    )
    assert found.result() is None

    def stop(words: str, done: int, total: int, left: float) -> None:
        assert left >= 0
        if words == "restoring" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found.run(stop)
    layers = found.result()
    assert not layers.complete
    assert layers.blocks[0].kl_back is not None
    assert SensitivityTable.from_json(layers.as_json()) == layers


def test_identical_files_differ_in_nothing(tmp_path: Path) -> None:
    reference, _ = noisy_pair(tmp_path)
    copy = tmp_path / "copy.gguf"
    shutil.copy(reference, copy)
    layers, _ = analysed(tmp_path, reference, copy, n_windows=1)
    assert (layers.kl, layers.tensors, layers.blocks, layers.roles) == (0, [], [], [])


def test_files_with_other_tensors_are_refused(tmp_path: Path) -> None:
    reference, candidate = noisy_pair(tmp_path)
    other = tmp_path / "other.gguf"
    write_random_model(other)
    with pytest.raises(KnownError, match=r"other\.gguf does not: they cannot be compared by layer") as caught:
        differing(WeightFile(reference), WeightFile(other))
    assert caught.value.kind == "other_tensors"
    renamed = tmp_path / "renamed.gguf"
    renamed.write_bytes(candidate.read_bytes().replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xp.weight"))
    with pytest.raises(KnownError, match="ffn_xp"):
        differing(WeightFile(reference), WeightFile(renamed))


@pytest.mark.parametrize("options", [{"n_windows": 0}, {"n_windows": -1}, {"n_tensors": -1}])
def test_nonsense_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(KnownError, match="--by-layer-"):
        LayerSample(TEXT, PROTOCOL, **options)


def test_a_sample_is_spread_over_the_text() -> None:
    assert spread(range(10), 2) == [2, 7]
    assert spread(range(3), 5) == [0, 1, 2]
    assert len(set(spread(range(100), 7))) == 7


def tensor(path: Path, name: str) -> np.ndarray:
    return np.array(next(t for t in GGUFReader(path).tensors if t.name == name).data)
