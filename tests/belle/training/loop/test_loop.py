"""Invariants of the loop: a step depends neither on how its samples are spread nor on interruptions."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.stages.run import run_recipe
from tests.belle.training.rank_script import run_jobs
from tests.belle.training.runs import (
    finish,
    largest_difference,
    metrics,
    recipe_file,
    run,
    start,
    start_ranks,
    wait_for,
    wait_for_lines,
    write_conversations,
)

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

RANDOM = {"neftune_alpha": 5.0, "save_every": 2, "epochs": 3, "batch_size": 2}


def test_four_small_batches_are_one_large(tmp_path: Path) -> None:
    one = run(tmp_path / "one", batch_size=4, accumulation=1)
    four = run(tmp_path / "four", batch_size=1, accumulation=4)
    # The answers differ in length, so a mean of means would be seen in the second digit.
    for column in ("loss", "grad_norm"):
        assert metrics(four, column) == pytest.approx(metrics(one, column), rel=1e-4)
    assert metrics(one, "step") == [1, 2, 3, 4, 5, 6]
    assert largest_difference(one / "final/model.safetensors", four / "final/model.safetensors") < 2e-4


def test_a_run_that_went_on_for_longer_is_not_called_done(tmp_path: Path) -> None:
    run(tmp_path, max_steps=3)
    with pytest.raises(KnownError, match="at step 3 already, and is to end at step 2") as caught:
        run_recipe(replace(load_recipe(tmp_path / "recipe.yaml", ["max_steps=2"]), resume=True))
    assert caught.value.kind == "already_past"


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    whole = run(tmp_path, log_every=3, **RANDOM)
    uninterrupted = shutil.copytree(whole, tmp_path / "uninterrupted")
    # As after a crash between two checkpoints: newer lines in the log, no newer weights.
    for path in [whole / "final", *whole.glob("step-*")]:
        if path.name not in ("step-2", "step-4"):
            shutil.rmtree(path)
    (whole / "step-4/optimizer.pt").write_bytes(b"damaged")
    run_recipe(replace(load_recipe(tmp_path / "recipe.yaml"), resume=True))
    last = f"step-{metrics(uninterrupted, 'step')[-1]}"
    for name in (f"{last}/model.safetensors", "final/model.safetensors", f"{last}/optimizer.pt"):
        assert (whole / name).read_bytes() == (uninterrupted / name).read_bytes(), name
    for column in ("step", "loss", "lr", "grad_norm", "tokens", "epoch"):
        assert metrics(whole, column) == metrics(uninterrupted, column)


def test_two_processes_are_one(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", batch_size=4)
    path = recipe_file(tmp_path / "two", batch_size=2, save_every=2)
    finish(start_ranks([str(path)]))
    two = tmp_path / "two/run"
    for column in ("loss", "grad_norm", "tokens"):
        assert metrics(two, column) == pytest.approx(metrics(alone, column), rel=1e-4)
    assert largest_difference(alone / "final/model.safetensors", two / "final/model.safetensors") < 2e-4
    before = (two / "final/model.safetensors").read_bytes()
    shutil.rmtree(two / "final")
    shutil.rmtree(two / "step-6")
    shutil.rmtree(two / "step-4")
    assert run_jobs([{"recipe": str(path), "resume": True}], tmp_path) == [None]
    assert (two / "final/model.safetensors").read_bytes() == before


def test_a_signal_saves_and_the_run_goes_on(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", epochs=30)
    path = recipe_file(tmp_path / "stopped", epochs=30)
    folder = tmp_path / "stopped/run"
    process = start([str(path)])
    wait_for_lines(folder / "metrics.jsonl", 3)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    (saved,) = folder.glob("step-*")
    assert f"{saved} was written: go on with --resume" in out
    assert json.loads((folder / "run.json").read_text())["sessions"][-1]["status"] == "stopped"
    assert not (folder / "final").exists()
    assert main(["train", str(path), "--resume"]) == 0
    assert (folder / "final/model.safetensors").read_bytes() == (whole / "final/model.safetensors").read_bytes()
    assert metrics(folder, "loss") == metrics(whole, "loss")


def test_the_first_signal_while_data_is_prepared_ends_the_run_at_once(tmp_path: Path) -> None:
    """Ctrl-C in a terminal, which signals all processes: a message, and no files are left."""
    data = tmp_path / "much.jsonl"
    row = {"conversations": [{"from": "human", "value": "问" * 100}, {"from": "assistant", "value": "Yes. " * 60}]}
    data.write_text((json.dumps(row) + "\n") * 40_000)
    path = recipe_file(tmp_path / "stopped", data=[str(data)], processes=2, max_length=512)
    folder = tmp_path / "stopped/run"
    process = start([str(path)])
    wait_for(lambda: any(part.stat().st_size for part in folder.glob("data/*.tmp/tokens.bin")), process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "Stopped by Ctrl-C; nothing was trained yet." in out
    assert "Traceback" not in err
    assert list((folder / "data").iterdir()) == []
    assert not (folder / "metrics.jsonl").exists() or not (folder / "metrics.jsonl").read_text()


def test_a_loss_that_is_not_finite_stops_the_run_before_the_weights_change(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = run(tmp_path / "base", max_steps=1) / "final"
    tensors = load_file(base / "model.safetensors")
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

    token = HubVocabulary(load_tokenizer(base)).tokenize("Salt")[-1]
    tensors["model.embed_tokens.weight"][token] = float("nan")
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(KnownError) as caught:
        run(tmp_path, model=str(base), save_every=1, batch_size=1, epochs=1, seed=5)
    error = caught.value
    assert error.kind == "loss_not_finite"
    assert len(error.details["rows"]) == 1
    assert "data.jsonl" in error.details["rows"][0]
    assert "9" in error.details["rows"][0]  # the sea is in the ninth row
    folder = tmp_path / "run"
    good = max((int(p.name[5:]) for p in folder.glob("step-*")), default=0)
    assert f"Step {good + 1}: " in error.message
    assert len(metrics(folder, "loss")) == good
    if good:
        assert f"step-{good}" in error.message
        weights = load_file(folder / f"step-{good}/model.safetensors")
        assert int(weights["model.embed_tokens.weight"].isnan().any(dim=1).sum()) == 1


def test_a_folder_with_a_run_is_not_written_into(tmp_path: Path) -> None:
    folder = run(tmp_path, max_steps=1)
    with pytest.raises(KnownError) as caught:
        run(tmp_path, max_steps=1)
    assert caught.value.kind == "output_not_empty"
    assert "--resume" in caught.value.advice
    assert (folder / "final").exists()


@pytest.mark.parametrize(("change", "kind"), [({"seed": 3}, "recipe_changed"), ({}, "data_changed")])
def test_a_resumed_run_refuses_other_data_and_another_recipe(tmp_path: Path, change: dict[str, int], kind: str) -> None:
    folder = run(tmp_path, max_steps=2)
    path = recipe_file(tmp_path, max_steps=3, **change)
    if kind == "data_changed":
        write_conversations(tmp_path / "data.jsonl", 5)
    before = metrics(folder, "loss")
    with pytest.raises(KnownError) as caught:
        run_recipe(replace(load_recipe(path), resume=True))
    assert caught.value.kind == kind
    assert metrics(folder, "loss") == before


def test_an_evaluation_is_collated_ahead_in_a_thread(tmp_path: Path) -> None:
    import threading

    import torch

    from belle.training.engines.data_parallel import DataParallelBuilder
    from belle.training.engines.options import EngineOptions
    from belle.training.loop.loop import evaluate
    from belle.training.samples.micro_batch import MicroBatch

    class Squares:
        """The loss of a number is its square times the weight of the model, which is 1."""

        def weight(self, batch: torch.Tensor) -> float:
            return len(batch)

        def loss(self, model: torch.nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
            return (model.weight * batch.square()).sum(), {"number": batch.sum()}

    class Numbers:
        """Steps of one, two and three numbers; the last step has an idle micro-batch, too."""

        def __init__(self) -> None:
            self.threads: set[str] = set()

        def steps(self, _epoch: int) -> int:
            return 3

        def step(self, _epoch: int, index: int) -> list[MicroBatch]:
            self.threads.add(threading.current_thread().name)
            idle = [MicroBatch(torch.full((1,), 100.0), idle=True)] if index == 2 else []
            return [MicroBatch(torch.full((index + 1,), float(index + 1))), *idle]

    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(model.weight)
    options = load_recipe(recipe_file(tmp_path)).part(EngineOptions)
    engine = DataParallelBuilder(options).build(model, [{"params": [model.weight], "weight_decay": 0.0}])
    batches = Numbers()
    figures = evaluate(engine, Squares(), batches)
    assert figures == {"weight": 6, "loss": (1 + 2 * 4 + 3 * 9) / 6, "number": (1 + 4 + 9) / 6}
    assert batches.threads == {"batches_0"}
    assert model.training
