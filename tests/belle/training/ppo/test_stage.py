"""PPO: the reward rises, the ratio is 1 in the first minibatch, and interruptions and processes change nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.stages.run import run_recipe
from tests.belle.training.pairs_data import pairs_recipe, ppo_recipe, rows, write_small_tokenizer
from tests.belle.training.rank_script import run_jobs
from tests.belle.training.runs import TOKENIZER, largest_difference, metrics, run, weights

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

LORA = {"r": 4, "dropout": 0.1}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model to start from."""
    return run(tmp_path_factory.mktemp("base"), max_steps=1, batch_size=10) / "final"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """A reward model that likes 好."""
    recipe = load_recipe(pairs_recipe(tmp_path_factory.mktemp("judge"), "reward", model=str(base), epochs=5))
    run_recipe(recipe)
    return recipe.output_dir / "final"


def trained(folder: Path, ppo: dict[str, Any] | None = None, **changes: Any) -> Path:
    recipe = load_recipe(ppo_recipe(folder, ppo or {}, **changes))
    run_recipe(recipe)
    return recipe.output_dir


def test_the_reward_rises_on_a_bandit(tmp_path: Path) -> None:
    tokenizer = write_small_tokenizer(tmp_path / "tokenizer")
    init = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    folder = trained(
        tmp_path,
        {"reward_function": "contains:c", "max_new_tokens": 1, "rollouts": 32, "kl_coefficient": 0.01, "epochs": 4},
        init={"tokenizer": str(tokenizer), **init},
        batch_size=32,
        max_steps=25,
        learning_rate=2e-2,
    )
    log = rows(folder)
    # One of twelve tokens.
    assert log[0]["reward"] < 0.3
    assert min(row["reward"] for row in log[-3:]) > 0.9
    assert log[-1]["entropy"] < log[0]["entropy"]
    assert log[-1]["kl"] > log[0]["kl"]
    assert log[-1]["value"] == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    "changes", [{}, {"lora": LORA, "learning_rate": 0.02}, {"value": True}, {"gradient_checkpointing": True}]
)
def test_the_policy_is_unchanged_in_the_first_minibatch(
    tmp_path: Path, base: Path, judge: Path, changes: dict[str, Any]
) -> None:
    changes = dict(changes)
    value = {"value_model": str(judge)} if changes.pop("value", False) else {}
    one_minibatch = {"epochs": 1, "rollouts": 4, **value}
    folder = trained(tmp_path, one_minibatch, model=str(base), batch_size=4, max_steps=3, **changes)
    first, *_, last = rows(folder)
    assert first["kl"] == 0
    for row in (first, last):
        # Every batch is trained on once, as one minibatch: the policy has not changed yet.
        assert row["ratio"] == pytest.approx(1, abs=1e-6)
        assert row["clip_fraction"] == 0
        assert row["update_kl"] == pytest.approx(0, abs=1e-6)
    assert last["kl"] != 0


def test_the_score_of_a_reward_model_rises(tmp_path: Path, base: Path, judge: Path) -> None:
    options = {
        "reward_model": str(judge),
        "value_model": str(judge),
        "value_weight": 0.5,
        "value_clip": 0,
        "rollouts": 32,
        "max_new_tokens": 4,
        "kl_coefficient": 0,
        "epochs": 4,
    }
    log = rows(trained(tmp_path, options, model=str(base), max_steps=15, learning_rate=1e-2, batch_size=8))
    before = sum(row["reward"] for row in log[:3]) / 3
    after = sum(row["reward"] for row in log[-3:]) / 3
    assert after > before + 0.2


def test_the_final_model_is_the_policy_alone(tmp_path: Path, base: Path) -> None:
    from transformers import AutoModelForCausalLM

    from belle.cli.main import main

    folder = trained(tmp_path, model=str(base))
    before, after = weights(base / "model.safetensors"), weights(folder / "final/model.safetensors")
    assert before.keys() == after.keys()
    assert any(bool((before[name] != after[name]).any()) for name in before)
    _, report = AutoModelForCausalLM.from_pretrained(folder / "final", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert main(["convert", str(folder / "final"), "-o", str(tmp_path / "model.gguf"), "--type", "f32"]) == 0
    adapter = trained(tmp_path / "lora", model=str(base), lora=LORA, learning_rate=0.02)
    names = weights(adapter / "final/adapter_model.safetensors")
    assert all("lora_" in name and "value" not in name and "policy" not in name for name in names)
    shown = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert "Human:" in shown[0]["prompt"]


def test_a_run_that_went_on_for_longer_is_not_called_done(tmp_path: Path, base: Path) -> None:
    trained(tmp_path, {"reward_function": "contains:a", "max_new_tokens": 2}, model=str(base), max_steps=2)
    with pytest.raises(KnownError) as caught:
        run_recipe(replace(load_recipe(tmp_path / "recipe.yaml", ["max_steps=1"]), resume=True))
    assert caught.value.kind == "already_past"


@pytest.mark.parametrize("lora", [None, LORA])
def test_a_resumed_run_is_the_same_run(tmp_path: Path, base: Path, lora: dict[str, Any] | None) -> None:
    options = {"rollouts": 4, "normalize_scores": True, "kl_horizon": 20, "kl_target": 0.1, "missing_eos_penalty": 0.5}
    settings = {"model": str(base), "lora": lora, "batch_size": 2, "save_every": 2, "max_steps": 5}
    folder = trained(tmp_path, options, learning_rate=0.02 if lora else 3e-3, **settings)
    uninterrupted = shutil.copytree(folder, tmp_path / "uninterrupted")
    for path in [folder / "final", folder / "step-4", folder / "step-5"]:
        shutil.rmtree(path)
    run_recipe(replace(load_recipe(tmp_path / "recipe.yaml"), resume=True))
    name = "final/adapter_model.safetensors" if lora else "final/model.safetensors"
    for path in (name, "step-5/optimizer.pt"):
        assert (folder / path).read_bytes() == (uninterrupted / path).read_bytes(), path
    for column in ("loss", "reward", "kl", "kl_coefficient", "epoch", "entropy"):
        assert metrics(folder, column) == metrics(uninterrupted, column)
    coefficients = metrics(folder, "kl_coefficient")
    assert len(set(coefficients)) > 2


@pytest.mark.parametrize("call", [2, 3])
def test_a_signal_saves_what_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    from belle.training.loop.interrupts import Stopped
    from belle.training.loop.run import Run

    # Signals are checked twice in each step: before training on the batch (call 3), and after it (call 2).
    uninterrupted = trained(tmp_path / "uninterrupted")
    calls = iter(range(1, 100))
    with monkeypatch.context() as patch:
        patch.setattr(Run, "signal_anywhere", lambda _run: 15 if next(calls) == call else 0)
        with pytest.raises(Stopped):
            trained(tmp_path / "stopped")
    folder = tmp_path / "stopped/run"
    assert [path.name for path in folder.glob("step-*")] == ["step-1"]
    run_recipe(replace(load_recipe(tmp_path / "stopped/recipe.yaml"), resume=True))
    name = "final/model.safetensors"
    assert (folder / name).read_bytes() == (uninterrupted / name).read_bytes()
    assert metrics(folder, "reward") == metrics(uninterrupted, "reward")


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Path) -> None:
    alone = trained(tmp_path / "alone", batch_size=4, max_steps=3)
    path = ppo_recipe(tmp_path / "two", {}, batch_size=2, max_steps=3)
    assert run_jobs([{"recipe": str(path)}], tmp_path) == [None]
    two = tmp_path / "two/run"
    for column in ("loss", "reward", "kl", "entropy", "grad_norm", "answer_length"):
        assert metrics(two, column) == pytest.approx(metrics(alone, column), rel=1e-3, abs=1e-5)
    assert largest_difference(alone / "final/model.safetensors", two / "final/model.safetensors") < 2e-4


def test_without_its_adapter_the_model_is_the_copy(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from belle.training.ppo import stage as ppo

    settings: dict[str, Any] = {"model": str(base), "lora": LORA, "learning_rate": 0.02}
    switched_off = trained(tmp_path / "off", **settings)
    # As if the adapter had been trained before: then the reference is a copy with it.
    monkeypatch.setattr(ppo, "_adapter_is_new", lambda _recipe: False)
    copied = trained(tmp_path / "copy", **settings)
    for column in ("kl", "loss", "reward"):
        assert metrics(switched_off, column) == pytest.approx(metrics(copied, column), abs=1e-6)
    assert metrics(copied, "kl")[-1] != 0


def test_an_adapter_that_goes_on_is_its_own_reference(tmp_path: Path, base: Path) -> None:
    first = trained(tmp_path / "first", model=str(base), lora=LORA, learning_rate=0.05)
    second = trained(tmp_path / "second", model=str(first / "final"), lora=LORA, max_steps=1)
    assert metrics(second, "kl") == [0]


def test_a_batch_is_left_when_the_policy_has_moved_far(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", {"epochs": 8}, max_steps=1, learning_rate=0.02, batch_size=4)
    left = trained(tmp_path / "left", {"epochs": 8, "stop_kl": 1e-3}, max_steps=1, learning_rate=0.02, batch_size=4)
    assert metrics(left, "tokens")[0] < metrics(whole, "tokens")[0]


def test_answers_without_an_end_are_worth_less(tmp_path: Path) -> None:
    plain = rows(trained(tmp_path / "plain", {"lam": 1.0}, max_steps=1))[0]
    less = rows(trained(tmp_path / "less", {"lam": 1.0, "missing_eos_penalty": 3.0}, max_steps=1))[0]
    assert plain["finished"] == less["finished"] == 0
    assert less["reward"] == plain["reward"]
    # Without discount, every token's return has the penalty in it.
    assert plain["return"] - less["return"] == pytest.approx(3, abs=1e-5)


def test_scores_are_brought_to_one_scale_and_cut_off(tmp_path: Path) -> None:
    import torch

    from belle.training.ppo.stage import shaped_scores
    from belle.training.recipe.options import PpoOptions

    scores, finished = torch.tensor([1.0, 2.0, 3.0, 10.0]), torch.tensor([True, True, False, True])
    counters: dict[str, float] = {}
    options = PpoOptions(reward_function="length:1", normalize_scores=True, score_clip=1.0, missing_eos_penalty=0.5)
    shaped = shaped_scores(scores, finished, options, counters)
    deviation = float(scores.std(correction=0))
    assert shaped.tolist() == pytest.approx([-3 / deviation, -2 / deviation, -1 / deviation - 0.5, 1.0], abs=1e-6)
    assert shaped_scores(scores, finished, PpoOptions(reward_function="length:1"), {}).tolist() == scores.tolist()


def test_it_trains_the_recipes_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sft = tmp_path / "sft"
    run_sft = {"max_steps": 1, "batch_size": 10}
    from tests.belle.training.runs import recipe_file

    base = recipe_file(sft, **run_sft)
    reward = pairs_recipe(tmp_path / "reward", "reward", model=str(base), max_steps=1)
    path = ppo_recipe(
        tmp_path / "ppo", {"reward_model": str(reward), "value_model": str(reward)}, model=str(base), max_steps=1
    )
    run_recipe(load_recipe(path))
    for folder in (sft, tmp_path / "reward", tmp_path / "ppo"):
        assert (folder / "run/final/manifest.json").exists()
    assert len(list(sft.glob("run/step-*"))) == 1


def test_what_cannot_work(tmp_path: Path, base: Path, judge: Path) -> None:
    def kind_of(ppo: dict[str, Any], **changes: Any) -> str:
        with pytest.raises(KnownError) as caught:
            trained(tmp_path / "wrong", ppo, **changes)
        shutil.rmtree(tmp_path / "wrong")
        return caught.value.kind

    assert kind_of({"reward_model": str(base)}, model=str(base)) == "not_a_reward_model"
    assert kind_of({"reward_model": str(tmp_path / "nowhere")}) == "recipe_wrong"
    assert kind_of({"reward_function": "praise"}) == "reward_unknown"
    assert kind_of({"rollouts": 6}, batch_size=4) == "recipe_wrong"
    assert kind_of({"reward_function": None}) == "recipe_wrong"
    assert kind_of({"max_new_tokens": 126}) == "no_samples"
    assert kind_of({"max_new_tokens": 128}) == "recipe_wrong"
    assert kind_of({}, eval_data=[str(TOKENIZER / "tokenizer_config.json")]) == "recipe_wrong"
    small = write_small_tokenizer(tmp_path / "small")
    init = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    other = {"tokenizer": str(small), **init}
    assert kind_of({"reward_model": str(judge)}, init=other) == "tokenizer_differs"


def test_changed_prompts_are_noticed(tmp_path: Path) -> None:
    folder = trained(tmp_path, save_every=1, max_steps=2)
    shutil.rmtree(folder / "final")
    shutil.rmtree(folder / "step-2")
    with (tmp_path / "prompts.jsonl").open("a") as file:
        file.write('{"text": "Human: \\nnew\\n\\nAssistant: \\n"}\n')
    with pytest.raises(KnownError) as caught:
        run_recipe(replace(load_recipe(tmp_path / "recipe.yaml"), resume=True))
    assert caught.value.kind == "data_changed"
