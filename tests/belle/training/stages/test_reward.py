"""Reward models: they learn what tells good from bad, and others load them with the same scores."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.recipe.options import RewardOptions
from belle.training.stages.run import run_recipe
from tests.belle.training.pairs_data import pairs_recipe, rows, write_pairs
from tests.belle.training.runs import largest_difference, metrics, run, weights

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model to start from."""
    return run(tmp_path_factory.mktemp("base"), max_steps=1, batch_size=10) / "final"


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """The folder of a run that was measured on pairs it was not trained on."""
    folder = tmp_path_factory.mktemp("learnt")
    held_out = write_pairs(folder / "held_out.jsonl", 24)
    return trained(folder, model=str(base), eval_data=[str(held_out)], eval_every=4, epochs=4)


def trained(folder: Path, **changes: Any) -> Path:
    recipe = load_recipe(pairs_recipe(folder, "reward", **changes))
    run_recipe(recipe)
    return recipe.output_dir


def scores_of(model: Any, tokenizer: Any, texts: list[str]) -> list[float]:
    """As somebody would who knows transformers only."""
    import torch

    batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
    with torch.no_grad():
        return [float(score) for score in model.eval()(**batch).logits.squeeze(-1)]


def test_it_learns_to_tell_pairs_apart(learnt: Path) -> None:
    log = rows(learnt)
    assert log[0]["loss"] == pytest.approx(math.log(2), abs=0.2)
    assert log[-1]["loss"] < 0.3
    assert log[-1]["eval_accuracy"] > 0.9
    assert log[-1]["margin"] == pytest.approx(log[-1]["score_chosen"] - log[-1]["score_rejected"], abs=1e-5)
    assert "eval_perplexity" not in log[-1]
    assert not (learnt / "final/generation_config.json").exists()


def test_transformers_gives_the_same_scores(learnt: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from belle.training.model.reward_model import scores
    from belle.training.samples.collate import collate
    from tests.belle.training.random_causal import Samples

    model, report = AutoModelForSequenceClassification.from_pretrained(learnt / "final", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(learnt / "final")
    texts = [f"Human: \n你好\n\nAssistant: \n{answer}</s>" for answer in ("好好", "不不。")]
    good, bad = scores_of(model, tokenizer, texts)
    assert good > bad + 1
    batch = collate(Samples([9, 4, 17]), [[0], [1], [2]], pad_id=tokenizer.pad_token_id)
    with torch.no_grad():
        own = scores(model, batch)
        theirs = model(input_ids=batch.input_ids).logits.squeeze(-1)
    assert own.tolist() == pytest.approx(theirs.tolist(), abs=1e-6)


def test_an_adapter_is_saved_with_its_head(tmp_path: Path, base: Path) -> None:
    import torch
    from peft import AutoPeftModelForSequenceClassification
    from transformers import AutoTokenizer

    from belle.training.engines.data_parallel import DataParallelBuilder
    from belle.training.engines.options import EngineOptions
    from belle.training.model.options import ModelOptions
    from belle.training.model.reward_model import load_finished_model

    folder = trained(tmp_path, model=str(base), lora={"r": 4, "dropout": 0.0}, epochs=6, learning_rate=2e-2)
    assert rows(folder)[-1]["accuracy"] > 0.9
    assert any("score" in name for name in weights(folder / "final/adapter_model.safetensors"))
    tokenizer = AutoTokenizer.from_pretrained(folder / "final")
    texts = [f"Human: \n你好\n\nAssistant: \n{answer}</s>" for answer in ("好好", "不不。")]
    theirs = AutoPeftModelForSequenceClassification.from_pretrained(folder / "final", num_labels=1)
    theirs.config.pad_token_id = tokenizer.pad_token_id
    good, bad = scores_of(theirs, tokenizer, texts)
    assert good > bad + 0.5
    recipe = load_recipe(tmp_path / "recipe.yaml")
    builder = DataParallelBuilder(recipe.part(EngineOptions))
    own = load_finished_model(folder / "final", recipe.part(ModelOptions), builder, tokenizer)
    assert scores_of(own, tokenizer, texts) == pytest.approx([good, bad], abs=1e-5)
    torch.manual_seed(0)


def test_four_small_batches_are_one_large(tmp_path: Path) -> None:
    one = trained(tmp_path / "one", batch_size=4, accumulation=1, max_steps=4)
    four = trained(tmp_path / "four", batch_size=1, accumulation=4, max_steps=4)
    for column in ("loss", "grad_norm", "accuracy", "margin"):
        assert metrics(four, column) == pytest.approx(metrics(one, column), rel=1e-4, abs=1e-6)
    assert largest_difference(one / "final/model.safetensors", four / "final/model.safetensors") < 2e-4


def test_margin_and_centring(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from belle.training.model import reward_model
    from belle.training.samples.collate import collate
    from belle.training.stages.reward import Ranking
    from tests.belle.training.random_causal import Samples

    batch = collate(Samples([5, 6], pairs=True), [[0], [1]], pad_id=0)
    given = torch.tensor([2.0, 0.5, -1.0, 1.0])
    monkeypatch.setattr(reward_model, "scores", lambda _model, _batch: given)
    method = Ranking(RewardOptions(margin=0.5, center=0.1))
    loss, figures = method.loss(torch.nn.Linear(1, 1), batch)
    expected = sum(math.log1p(math.exp(-(c - r - 0.5))) + 0.1 * (c + r) ** 2 for c, r in ((2.0, 0.5), (-1.0, 1.0)))
    assert float(loss) == pytest.approx(expected)
    assert method.weight(batch) == 2
    assert float(figures["accuracy"]) == 1
    assert float(figures["margin"]) == pytest.approx(-0.5)


def test_wrong_recipes(tmp_path: Path) -> None:
    for changes in ({"batching": "pack"}, {"sample_prompts": ["hi"]}, {"reward": {"margin": -1}}):
        with pytest.raises(KnownError) as caught:
            load_recipe(pairs_recipe(tmp_path, "reward", **changes))
        assert caught.value.kind == "recipe_wrong"


def test_a_file_of_conversations_is_no_data_for_it(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}))
    with pytest.raises(KnownError) as caught:
        trained(tmp_path, data=[str(path)])
    assert caught.value.kind == "wrong_kind"
