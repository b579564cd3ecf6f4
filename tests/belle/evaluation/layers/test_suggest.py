"""Suggested types: the knapsack against every combination, rules against their tensors, and commands that are run."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as GGMLType

from belle.cli.main import main
from belle.errors import KnownError
from belle.evaluation.layers.costs import Probe, costs, to_probe
from belle.evaluation.layers.exchange import ExchangeModel
from belle.evaluation.layers.knapsack import Option, knapsack
from belle.evaluation.layers.layer_error import LayerErrors, Ratio, possible_types, quantized, rounded
from belle.evaluation.layers.sensitivity_table import SensitivityTable, TensorLoss
from belle.evaluation.layers.suggest import Sizes, Suggestion, asked_bytes, command, rules_of
from belle.evaluation.layers.weight_file import WeightFile
from belle.evaluation.measurement import read_measurement
from belle.evaluation.text.perplexity_run import PerplexityRun
from belle.evaluation.windows import EvaluationText, Protocol
from tests.belle.evaluation.layered_models import checkpoint

TEXT = "The quick brown fox jumps over the lazy dog, 你好世界 and so on. " * 40


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A checkpoint, and what `belle convert` makes of it as f16 and q4_0."""
    folder = tmp_path_factory.mktemp("models")
    source = checkpoint(folder)
    for kind in ("f16", "q4_0"):
        assert main(["convert", str(source), "-o", str(folder / f"{kind}.gguf"), "--type", kind, "--no-verify"]) == 0
    return source, folder / "f16.gguf", folder / "q4_0.gguf"


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take seconds, and are not what is asked about."""
    monkeypatch.setattr("belle.evaluation.report.plots.installed", lambda: False)


def convert(folder: Path, source: Path, *options: str) -> Path:
    out = folder / "made.gguf"
    assert main(["convert", str(source), "-o", str(out), *options]) == 0
    return out


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_the_command_makes_a_file_of_the_predicted_size(models, tmp_path: Path, share: float, capsys) -> None:
    source, reference, candidate = models
    smallest, largest = Sizes(WeightFile(reference), WeightFile(candidate)).reach()
    asked = (smallest + share * (largest - smallest)) / 1e9
    (tmp_path / "t.txt").write_text(TEXT, encoding="utf-8")
    options = ["--text", tmp_path / "t.txt", "-o", tmp_path / "out", "--ctx", "64", "--threads", "1", "--chunks", "3"]
    more = ["--suggest", asked, "--by-layer-chunks", "2", "--by-layer-tensors", "9"]
    assert main(list(map(str, ["measure", reference, candidate, *options, *more]))) == 0
    found = Suggestion(**read_measurement(tmp_path / "out").extra["suggestion"])
    assert found.command in capsys.readouterr().out
    words = shlex.split(found.command)
    assert words[:3] == ["belle", "convert", "CHECKPOINT"]
    made = tmp_path / "made.gguf"
    assert main(["convert", str(source), "-o", str(made), *words[5:]]) == 0
    assert made.stat().st_size == found.size <= asked * 1e9
    tensors = WeightFile(made).header.tensors
    assert {t.name: t.type for t in tensors if len(t.shape) > 1} == {
        name: int(GGMLType[kind]) for name, kind in found.types.items()
    }
    with PerplexityRun(
        reference, [made], EvaluationText("t", TEXT), Protocol(n_ctx=64, chunks=3), tmp_path / "r", threads=1
    ) as session:
        session.run()
        real = session.figures()[1][0].loss.kl
    # The sample is two of these three windows.
    assert found.measured_kl == pytest.approx(real, rel=0.6)
    assert found.kl == pytest.approx(real, rel=0.9)


def test_a_restored_quantized_tensor_is_that_tensor_in_a_converted_file(models, tmp_path: Path) -> None:
    source, reference, candidate = models
    name = "blk.1.ffn_up.weight"
    mixed = convert(tmp_path, source, "--type", "q4_0", "--tensor-type", rf"^{re.escape(name)}$=f16", "--no-verify")
    protocol = Protocol(n_ctx=64, chunks=4)
    with PerplexityRun(
        reference, [candidate, mixed], EvaluationText("t", TEXT), protocol, tmp_path / "r", threads=1
    ) as session:
        session.run()
        before, after = (one.loss.kl for one in session.figures()[1])
    with ExchangeModel(
        WeightFile(reference), WeightFile(candidate), TEXT, protocol, n_windows=4, folder=tmp_path, threads=1
    ) as model:
        assert model.base_kl().value == pytest.approx(before, rel=1e-9)
        assert model.recovered([name]).value == pytest.approx(before - after, rel=1e-6)


@pytest.mark.parametrize("gigabytes", [0.0, -1.0, 1e-9, 1000.0, float("nan"), float("inf")])
def test_sizes_out_of_reach_are_said_with_the_possible_range(models, gigabytes: float) -> None:
    _, reference, candidate = models
    sizes = Sizes(WeightFile(reference), WeightFile(candidate))
    with pytest.raises(KnownError, match=r"sizes go from 0\.0\d+ GB .* to 0\.0\d+ GB \(all in f16\)") as caught:
        asked_bytes(gigabytes, sizes)
    smallest, largest = sizes.reach()
    assert (caught.value.details["smallest"], caught.value.details["largest"]) == (smallest, largest)
    assert asked_bytes(smallest / 1e9, sizes) == smallest
    assert reference.stat().st_size <= largest <= reference.stat().st_size + 64


def test_the_knapsack_is_near_the_best_combination() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        options = {
            name: [
                Option(str(i), int(size), float(loss))
                for i, (size, loss) in enumerate(zip(rng.integers(1, 60, 5), rng.random(5) ** 3, strict=True))
            ]
            for name in "abcd"
        }
        least = sum(min(o.n_bytes for o in given) for given in options.values())
        room = least + int(rng.integers(0, 120))
        chosen = knapsack(options, room)
        assert sum(option.n_bytes for option in chosen.values()) <= room
        every = itertools.product(*options.values())
        best = min(sum(o.loss for o in one) for one in every if sum(o.n_bytes for o in one) <= room)
        largest = max(o.loss for given in options.values() for o in given)
        # The relaxation is off by at most one step, which loses at most one option.
        assert best <= sum(option.loss for option in chosen.values()) <= best + largest


def test_rules_match_their_tensors_and_nothing_else() -> None:
    types = {f"blk.{i}.ffn_down.weight": "Q6_K" if i in (1, 11) else "Q4_K" for i in range(12)}
    types |= {f"blk.{i}.attn_v.weight": "Q8_0" for i in range(12)}
    types |= {"output.weight": "F16", "token_embd.weight": "Q4_K"}
    base, rules = rules_of(types)
    assert base in ("Q4_K", "Q8_0")
    for name, kind in types.items():
        matching = [rule.rpartition("=") for rule in rules if re.search(rule.rpartition("=")[0], name)]
        assert [found[2].upper() for found in matching] == ([] if kind == base else [kind]), name
    line = shlex.split(command("Q4_K", rules))
    assert line[line.index("--type") + 1] == "q4_k_m"
    assert [line[i + 1] for i, word in enumerate(line) if word == "--tensor-type"] == rules


def row(name: str, kl: float | None, error: float | None, estimate: float) -> TensorLoss:
    return TensorLoss(name, 0, "ffn_up", "F16", "Q4_0", 1, 1, 1, 0.1, 0.1, estimate, kl, error)


def test_costs_explain_the_loss_and_distrust_noise() -> None:
    rows = [row("sure", 0.4, 0.001, 0.1), row("noisy", -0.3, 0.3, 0.1), row("untried", None, None, 0.2)]
    layers = SensitivityTable("c", 1, 64, 31, 1.0, 0.1, 2, [], [], rows, complete=True)
    errors = LayerErrors(same_rows={"sure": Ratio(1, 10), "noisy": Ratio(1, 10), "untried": Ratio(2, 10)})
    found = costs(layers, errors, {}, ["sure", "noisy", "untried", "blk.9.ffn_up.weight"])
    assert 0.1 * found["sure"] + 0.1 * found["noisy"] + 0.2 * found["untried"] == pytest.approx(1.0)
    assert found["sure"] > found["untried"] > found["noisy"] > 0
    assert found["blk.9.ffn_up.weight"] == pytest.approx(1.0 / 0.4)
    probes = {"output.weight": Probe(0.01, 0.5, 0.1), "noisy": Probe(0.1, -0.2, 0.05)}
    found = costs(layers, errors, probes, ["output.weight", "noisy"])
    assert found == {"output.weight": pytest.approx(50), "noisy": pytest.approx(0.5)}
    nothing = SensitivityTable("c", 1, 64, 31, 0.0, 0.0, 0, [], [], [], complete=True)
    with pytest.raises(KnownError, match="loses nothing"):
        costs(nothing, errors, {}, ["sure"])


def test_tensors_that_are_hardly_wrong_are_probed() -> None:
    types = {name: {"Q4_0": Ratio(1, 100), "F16": Ratio()} for name in ("a", "b", "output.weight", "wrong")}
    types["small"] = {"F16": Ratio()}
    errors = LayerErrors(types=types, same_rows={"wrong": Ratio(1, 100), "a": Ratio(1, 10_000)})
    layers = SensitivityTable("c", 1, 64, 31, 1.0, 0.1, 1, [], [], [row("wrong", 1.0, 0.1, 1.0)], complete=True)
    assert set(to_probe(errors, layers, 9)) == {"a", "b", "output.weight"}
    assert len(to_probe(errors, layers, 2)) == 2
    assert to_probe(errors, layers, 0) == []


def test_types_are_those_that_fit_and_come_back_from_their_blocks() -> None:
    assert possible_types("blk.0.attn_norm.weight", (576,)) == []
    assert "Q4_K" not in possible_types("blk.0.attn_q.weight", (576, 576))
    assert set(possible_types("blk.0.attn_q.weight", (8, 8))) == {"F16"}
    kinds = possible_types("blk.0.attn_q.weight", (256, 256))
    weights = np.random.default_rng(0).standard_normal((4, 256)).astype(np.float32)
    errors = {kind: float(((rounded(weights, kind) - weights) ** 2).mean()) for kind in kinds}
    assert errors["F16"] < errors["Q8_0"] < errors["Q6_K"] < errors["Q5_K"] < errors["Q4_K"] < errors["Q2_K"] < 0.2
    assert quantized(weights, "F32").size == 4 * weights.size
