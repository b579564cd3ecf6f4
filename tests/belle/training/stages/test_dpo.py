"""DPO: the first loss is ln 2, the margins grow, and every source of the reference gives the same run."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.recipe.options import DpoOptions
from belle.training.stages.run import run_recipe
from tests.belle.training.pairs_data import pairs_recipe, rows, write_pairs
from tests.belle.training.rank_script import run_jobs
from tests.belle.training.runs import largest_difference, metrics, run

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

LORA = {"r": 4, "dropout": 0.0}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model to start from."""
    return run(tmp_path_factory.mktemp("base"), max_steps=1, batch_size=10) / "final"


def trained(folder: Path, dpo: dict[str, Any] | None = None, **changes: Any) -> Path:
    recipe = load_recipe(pairs_recipe(folder, "dpo", dpo=dpo, **changes))
    run_recipe(recipe)
    return recipe.output_dir


@pytest.mark.parametrize("lora", [None, {**LORA, "dropout": 0.1}])
def test_the_first_loss_is_ln_2_and_margins_grow(tmp_path: Path, base: Path, lora: dict[str, Any] | None) -> None:
    held_out = write_pairs(tmp_path / "held_out.jsonl", 20)
    # Enough steps that the result does not depend on dropout masks, which differ between processors.
    folder = trained(
        tmp_path, model=str(base), lora=lora, eval_data=[str(held_out)], epochs=20, learning_rate=2e-2 if lora else 3e-3
    )
    log = rows(folder)
    assert log[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert log[0]["rewards/margins"] == pytest.approx(0, abs=1e-6)
    assert log[-1]["loss"] < 0.55
    assert log[-1]["rewards/margins"] > 0.35
    assert log[-1]["eval_rewards/accuracies"] > 0.9
    assert "eval_perplexity" not in log[-1]
    chosen, rejected = log[-1]["rewards/chosen"], log[-1]["rewards/rejected"]
    assert log[-1]["rewards/margins"] == pytest.approx(chosen - rejected, abs=1e-5)


def test_the_adapter_switched_off_is_the_cached_reference(tmp_path: Path, base: Path) -> None:
    cached = trained(tmp_path / "cached", {"reference": "cache"}, model=str(base), lora=LORA, learning_rate=2e-2)
    off = trained(tmp_path / "off", {"reference": "adapter"}, model=str(base), lora=LORA, learning_rate=2e-2)
    for column in ("loss", "grad_norm", "rewards/margins"):
        assert metrics(off, column) == pytest.approx(metrics(cached, column), rel=1e-4, abs=1e-5)


def test_an_adapter_that_goes_on_is_its_own_reference(tmp_path: Path, base: Path) -> None:
    first = trained(tmp_path / "first", model=str(base), lora=LORA, learning_rate=2e-2)
    second = trained(tmp_path / "second", model=str(first / "final"), lora=LORA, max_steps=1)
    assert metrics(second, "loss") == [pytest.approx(math.log(2), abs=1e-6)]
    with pytest.raises(KnownError) as caught:
        trained(tmp_path / "third", {"reference": "adapter"}, model=str(first / "final"), lora=LORA)
    assert caught.value.kind == "reference_unsupported"


@pytest.mark.parametrize("loss", ["sigmoid", "ipo", "hinge"])
@pytest.mark.parametrize("reference", ["cache", "none"])
def test_every_loss_learns(tmp_path: Path, loss: str, reference: str) -> None:
    smoothing = 0.1 if loss == "sigmoid" else 0.0
    options = {"loss": loss, "reference": reference, "label_smoothing": smoothing, "beta": 0.2}
    # All pairs in every batch: without a reference, pairs differ from the beginning.
    folder = trained(tmp_path, options, epochs=8, batch_size=16)
    first, *_, last = rows(folder)
    assert last["loss"] < first["loss"]
    if reference == "cache":
        begins = {"sigmoid": math.log(2), "ipo": 1 / 0.4**2, "hinge": 1.0}
        assert first["loss"] == pytest.approx(begins[loss], abs=1e-5)
        assert last["rewards/margins"] > first["rewards/margins"] + 0.1


def test_the_formulas() -> None:
    import torch

    from belle.training.stages.dpo import preference_losses

    margins = torch.tensor([-2.0, 0.0, 3.0, 40.0])

    def losses(**options: Any) -> list[float]:
        return [float(loss) for loss in preference_losses(margins, DpoOptions(beta=0.5, **options))]

    def softplus(x: float) -> float:
        return math.log1p(math.exp(x))

    h = margins.tolist()
    assert losses() == pytest.approx([softplus(-0.5 * x) for x in h], abs=1e-6)
    smooth = [0.8 * softplus(-0.5 * x) + 0.2 * softplus(0.5 * x) for x in h]
    assert losses(label_smoothing=0.2) == pytest.approx(smooth, rel=1e-5)
    assert losses(loss="ipo") == pytest.approx([(x - 1) ** 2 for x in h])
    assert losses(loss="hinge") == pytest.approx([max(0, 1 - 0.5 * x) for x in h])


def test_the_likelihood_is_per_token_of_the_chosen_answer() -> None:
    import torch

    from belle.training.samples.collate import UNTRAINED, collate
    from belle.training.stages.dpo import DirectPreference
    from belle.training.stages.pairs import PairBatch
    from tests.belle.training.random_causal import Samples, causal

    model = causal("llama")
    batch = collate(Samples([12, 7, 9], pairs=True), [[0], [1], [2]], pad_id=0)
    pairs = PairBatch(batch, torch.randn(6))
    with torch.no_grad():
        plain, _ = DirectPreference(DpoOptions()).loss(model, pairs)
        both, _ = DirectPreference(DpoOptions(sft_weight=2.0)).loss(model, pairs)
        logits = model(input_ids=batch.input_ids).logits[:, :-1]
    labels = batch.labels[:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=UNTRAINED, reduction="none")
    expected = sum(float(losses[row].sum() / (labels[row] != UNTRAINED).sum()) for row in (0, 2, 4))
    assert float(both - plain) == pytest.approx(2 * expected, rel=1e-5)


def test_two_processes_are_one(tmp_path: Path) -> None:
    alone = trained(tmp_path / "alone", batch_size=4, max_steps=5)
    path = pairs_recipe(tmp_path / "two", "dpo", batch_size=2, max_steps=5, save_every=2)
    assert run_jobs([{"recipe": str(path)}], tmp_path) == [None]
    two = tmp_path / "two/run"
    for column in ("loss", "grad_norm", "rewards/margins", "logps/chosen"):
        assert metrics(two, column) == pytest.approx(metrics(alone, column), rel=1e-4, abs=1e-5)
    assert largest_difference(alone / "final/model.safetensors", two / "final/model.safetensors") < 2e-4


def test_a_run_is_not_resumed_for_longer_than_its_reference_reaches(tmp_path: Path) -> None:
    trained(tmp_path, save_every=1, max_steps=2, batch_size=3)
    shutil.rmtree(tmp_path / "run/final")
    longer = load_recipe(tmp_path / "recipe.yaml", ["max_steps=3"])
    with pytest.raises(KnownError) as caught:
        run_recipe(replace(longer, resume=True))
    assert caught.value.kind == "reference_too_short"
    again = load_recipe(tmp_path / "recipe.yaml", ["max_steps=2"])
    run_recipe(replace(again, resume=True))


def test_a_resumed_run_keeps_the_reference_it_began_with(tmp_path: Path) -> None:
    folder = trained(tmp_path, save_every=3, max_steps=7)
    whole, losses = (folder / "final/model.safetensors").read_bytes(), metrics(folder, "loss")

    def cut() -> None:
        for path in [folder / "final", *folder.glob("step-*")]:
            if path.name != "step-3" and path.exists():
                shutil.rmtree(path)

    recipe = replace(load_recipe(tmp_path / "recipe.yaml"), resume=True)
    cut()
    run_recipe(recipe)
    assert (folder / "final/model.safetensors").read_bytes() == whole
    assert metrics(folder, "loss") == losses
    cut()
    (cache,) = folder.glob("data/*/reference.bin")
    cache.write_bytes(bytes(cache.stat().st_size))
    with pytest.raises(KnownError) as caught:
        run_recipe(recipe)
    assert caught.value.kind == "reference_missing"
    assert str(cache) in str(caught.value)


def test_only_pairs_that_the_run_comes_to_are_computed(tmp_path: Path) -> None:
    import numpy as np

    folder = trained(tmp_path, max_steps=2, batch_size=3)
    (cache,) = folder.glob("data/*/reference.bin")
    values = np.fromfile(cache, "<f4").reshape(-1, 2)
    assert len(values) == 16
    assert int((~np.isnan(values).any(axis=1)).sum()) == 6


def test_files_with_weights(tmp_path: Path) -> None:
    one, two = write_pairs(tmp_path / "one.jsonl", 5), write_pairs(tmp_path / "two.jsonl", 6)
    data = [{"path": str(one), "weight": 0.4}, {"path": str(two), "weight": 1.5}]
    folder = trained(tmp_path, data=data, epochs=3, batch_size=4)
    assert metrics(folder, "loss")[0] == pytest.approx(math.log(2), abs=1e-6)
    assert all(loss is not None for loss in metrics(folder, "loss"))


def test_wrong_recipes(tmp_path: Path) -> None:
    for dpo in (
        {"beta": 0},
        {"label_smoothing": 0.5},
        {"loss": "ipo", "label_smoothing": 0.1},
        {"reference": "adapter"},
    ):
        with pytest.raises(KnownError) as caught:
            load_recipe(pairs_recipe(tmp_path, "dpo", dpo=dpo))
        assert caught.value.kind == "recipe_wrong"
        assert "dpo." in str(caught.value)
