"""ZeRO against plain data parallelism, in two processes over gloo: the same losses, the same weights, the same resume.

One pair of processes runs several recipes, because importing torch and DeepSpeed takes longer than training them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.belle.training.rank_script import run_jobs
from tests.belle.training.runs import (
    largest_difference,
    metrics,
    recipe_file,
    run,
    start,
    start_processes_of,
    start_ranks,
    wait_for_lines,
    weights,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

STEPS = {
    "max_steps": 4,
    "batch_size": 2,
    "accumulation": 2,
    "save_every": 2,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "batching": "group",
    "sample_prompts": ["你好"],
    "sample_tokens": 4,
}
# Without it, DeepSpeed leaves weights as small as these whole.
STAGE_3 = {"stage": 3, "stage3_param_persistence_threshold": 0}
OFFLOADED = {"device": "cpu"}
LORA = {"r": 4, "dropout": 0.0}
# Adam divides by the root of the second moment: where a gradient is nearly nothing, its last digit becomes visible.
LOSS_TOLERANCE, WEIGHT_TOLERANCE = 1e-6, 1e-4


class Jobs:
    """Recipes to be run in two processes, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = run(folder / "base", max_steps=1, batch_size=10) / "final"
        self._jobs: list[dict[str, Any]] = []

    def add(self, name: str, zero: dict[str, Any] | None = None, **changes: Any) -> None:
        if zero is not None:
            config = self.folder / f"{name}.json"
            config.write_text(json.dumps({"zero_optimization": zero}))
            changes["deepspeed"] = str(config)
        path = recipe_file(self.folder / name, **{"model": str(self.base), **STEPS, **changes})
        self._jobs.append({"recipe": str(path)})

    def resume(self, name: str, *changes: str) -> None:
        """Go on from step 2 of the run `name`, into a folder of its own, with changes to the recipe or none."""
        there = self.folder / f"{name}-{'changed' if changes else 'resumed'}" / "run"
        recipe, killed = self.folder / name / "recipe.yaml", self.folder / name / "run"
        job = {"recipe": str(recipe), "resume": True, "killed": str(killed)}
        self._jobs.append({**job, "overrides": [f"output_dir={there}", *changes]})

    def run(self) -> list[Any]:
        return run_jobs(self._jobs, self.folder)


def final(folder: Path, name: str) -> Path:
    inside = folder / name / "run/final"
    whole = inside / "model.safetensors"
    return whole if whole.exists() else inside / "adapter_model.safetensors"


def same_as(folder: Path, name: str, other: str) -> None:
    assert metrics(folder / name / "run", "loss") == pytest.approx(
        metrics(folder / other / "run", "loss"), rel=LOSS_TOLERANCE, abs=LOSS_TOLERANCE
    )
    assert largest_difference(final(folder, name), final(folder, other)) < WEIGHT_TOLERANCE


def resumed_exactly(folder: Path, name: str) -> None:
    again = folder / f"{name}-resumed"
    assert final(folder, again.name).read_bytes() == final(folder, name).read_bytes()
    assert metrics(again / "run", "loss") == metrics(folder / name / "run", "loss")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The runs of `make test`."""
    folder = tmp_path_factory.mktemp("zero")
    jobs = Jobs(folder)
    jobs.add("ddp")
    jobs.add("ddp-lora", lora=LORA)
    jobs.add("zero2", {"stage": 2})
    jobs.add("zero3", STAGE_3)
    ungathered = {**STAGE_3, "stage3_gather_16bit_weights_on_model_save": False}
    jobs.add("zero3-lora", ungathered, lora=LORA, gradient_checkpointing=True)
    jobs.resume("zero2")
    jobs.resume("zero3")
    for name in ("ddp", "zero2", "zero3"):
        jobs.resume(name, "weight_decay=5.0", "betas=[0.5, 0.6]", "max_grad_norm=0.1")
    return folder, jobs.run()


def test_all_of_them_end_well(quick: tuple[Path, list[Any]]) -> None:
    assert quick[1] == [None] * 10


@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_a_resumed_run_takes_up_a_changed_optimizer(quick: tuple[Path, list[Any]], name: str) -> None:
    folder = quick[0]
    same_as(folder, f"{name}-changed", "ddp-changed")
    assert largest_difference(final(folder, f"{name}-changed"), final(folder, name)) > 1e-3


@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_zero_is_data_parallelism(quick: tuple[Path, list[Any]], name: str) -> None:
    same_as(quick[0], name, "ddp")


@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_a_resumed_run_is_the_same_to_the_last_bit(quick: tuple[Path, list[Any]], name: str) -> None:
    resumed_exactly(quick[0], name)


def test_an_adapter_is_whole_under_zero_3(quick: tuple[Path, list[Any]]) -> None:
    folder, _ = quick
    tensors = weights(final(folder, "zero3-lora"))
    assert len(tensors) == 2 * 7 * 2  # A and B of seven matrices in two layers
    assert all(tensor.numel() and bool(tensor.any()) for tensor in tensors.values())
    same_as(folder, "zero3-lora", "ddp-lora")
    # The frozen weights are not in the checkpoint.
    state = folder / "zero3-lora/run/step-2/deepspeed"
    assert sum(file.stat().st_size for file in state.iterdir()) < 4 * final(folder, "ddp").stat().st_size / 2


def test_the_model_answers_while_it_is_spread(quick: tuple[Path, list[Any]]) -> None:
    folder, _ = quick
    texts = [(folder / name / "run/samples.jsonl").read_text() for name in ("ddp", "zero3")]
    assert [json.loads(text)["text"] for text in texts] == [json.loads(texts[0])["text"]] * 2


@pytest.fixture(scope="module")
def thorough(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Every other combination."""
    folder = tmp_path_factory.mktemp("zero-all")
    jobs = Jobs(folder)
    embeddings = {**LORA, "modules_to_save": ["embed_tokens", "lm_head"]}
    jobs.add("ddp")
    jobs.add("ddp-saved", lora=embeddings)
    jobs.add("zero1", {"stage": 1})
    jobs.add("zero2-offload", {"stage": 2, "offload_optimizer": OFFLOADED})
    jobs.add("zero3-offload", {**STAGE_3, "offload_optimizer": OFFLOADED, "offload_param": OFFLOADED})
    jobs.add("zero3-checkpointing", STAGE_3, gradient_checkpointing=True)
    jobs.add("zero3-packed", STAGE_3, batching="pack", batch_size=1, accumulation=1)
    jobs.add("zero3-saved", STAGE_3, lora=embeddings)
    jobs.add("zero3-dora", STAGE_3, lora={**LORA, "dora": True})
    jobs.add("zero1-bf16", {"stage": 1}, precision="bf16")
    jobs.add("zero2-bf16", {"stage": 2}, precision="bf16")
    jobs.add("zero3-bf16", STAGE_3, precision="bf16")
    jobs.add("zero3-nan", STAGE_3, learning_rate=1e38)
    jobs.add("zero2-fp16", {"stage": 2}, precision="fp16")
    for name in ("zero1", "zero2-offload", "zero3-offload", "zero3-saved", "zero1-bf16", "zero2-bf16", "zero3-bf16"):
        jobs.resume(name)
    return folder, jobs.run()


@pytest.mark.slow
def test_only_what_cannot_work_ends_badly(thorough: tuple[Path, list[Any]]) -> None:
    outcomes = thorough[1]
    assert [outcome and outcome[0] for outcome in outcomes] == [
        *[None] * 12, "loss_not_finite", "precision_unsupported", *[None] * 7,
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zero1", "zero2-offload", "zero3-offload", "zero3-checkpointing"])
def test_every_stage_is_data_parallelism(thorough: tuple[Path, list[Any]], name: str) -> None:
    same_as(thorough[0], name, "ddp")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["zero1", "zero2-offload", "zero3-offload", "zero3-saved", "zero1-bf16", "zero2-bf16", "zero3-bf16"]
)
def test_every_stage_resumes_to_the_last_bit(thorough: tuple[Path, list[Any]], name: str) -> None:
    resumed_exactly(thorough[0], name)


@pytest.mark.slow
def test_layers_trained_in_full_beside_an_adapter_are_whole(thorough: tuple[Path, list[Any]]) -> None:
    folder, _ = thorough
    same_as(folder, "zero3-saved", "ddp-saved")
    assert len(weights(final(folder, "zero3-saved"))) == 28 + 2
    assert len(weights(final(folder, "zero3-dora"))) == 28 + 14


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zero1-bf16", "zero2-bf16", "zero3-bf16"])
def test_16_bits_learn_as_32_do(thorough: tuple[Path, list[Any]], name: str) -> None:
    folder, _ = thorough
    assert metrics(folder / name / "run", "loss") == pytest.approx(metrics(folder / "ddp/run", "loss"), rel=5e-3)
    # What is written comes from the optimizer's fp32 weights, not from the 16 bits that were computed with.
    import torch

    tensors = weights(final(folder, name)).values()
    assert any(bool((tensor != tensor.to(torch.bfloat16).float()).any()) for tensor in tensors)


@pytest.mark.slow
def test_a_run_of_two_processes_is_not_resumed_by_one(thorough: tuple[Path, list[Any]], tmp_path: Path) -> None:
    folder, _ = thorough
    copied = tmp_path / "run"
    shutil.copytree(folder / "zero1/run", copied)
    shutil.rmtree(copied / "final")
    process = start([str(folder / "zero1/recipe.yaml"), "--resume", "--set", f"output_dir={copied}"])
    _, err = process.communicate(timeout=240)
    assert process.returncode == 2, err
    assert "was written by 2 processes, and now there are 1" in err


@pytest.mark.slow
def test_ppo_and_reward_under_zero_3(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    pairs = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"说{k}", "chosen": f"好{k}", "rejected": f"坏{k}"} for k in range(8)]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    shared = {"data": [str(pairs)], "sample_prompts": [], "max_steps": 2}
    jobs.add("reward", STAGE_3, stage="reward", **shared)
    jobs.add("dpo", STAGE_3, stage="dpo", **shared)
    jobs.add("dpo-ddp", stage="dpo", **shared)
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"说{k}"}) + "\n" for k in range(8)))
    ppo = {
        "reward_model": str(tmp_path / "reward/run/final"),
        "rollouts": 8,
        "generation_batch": 4,
        "max_new_tokens": 6,
    }
    shared = {"data": [str(prompts)], "sample_prompts": [], "max_steps": 2, "stage": "ppo", "accumulation": 1}
    jobs.add("ppo", STAGE_3, ppo=ppo, **shared)
    jobs.add("ppo-ddp", ppo=ppo, **shared)
    jobs.add("ppo-bf16", STAGE_3, ppo=ppo, precision="bf16", **shared)
    jobs.add("ppo-lora", STAGE_3, ppo=ppo, precision="bf16", lora=LORA, **shared)
    assert jobs.run() == [None] * 7
    same_as(tmp_path, "dpo", "dpo-ddp")
    same_as(tmp_path, "ppo", "ppo-ddp")


DISCARD = """
import copy, sys, torch
from dataclasses import replace
from pathlib import Path
from belle.training.engines.deepspeed import DeepSpeedBuilder
from belle.training.engines.options import EngineOptions
from belle.training.recipe.load import load_recipe

torch.set_num_threads(1)
recipe = load_recipe(Path(sys.argv[1]))
for config in sys.argv[2:]:
    builder = DeepSpeedBuilder(replace(recipe, deepspeed=Path(config)).part(EngineOptions))
    torch.manual_seed(1)
    first = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1))
    engines = []
    for model in (first, copy.deepcopy(first)):
        engines.append(builder.build(model, [{"params": list(model.parameters()), "weight_decay": 0.0}]))

    def add_gradients(engine, scale):
        with engine.accumulating(last=True):
            loss = engine.forward(lambda model: (model(torch.ones(3, 4)) * scale).pow(2).mean())
            engine.backward(loss)

    add_gradients(engines[1], 1e3)
    engines[1].discard()
    for _ in range(2):
        for engine in engines:
            add_gradients(engine, 1.0)
            assert engine.step(0.1) < 100
    weights = [engine.gathered_state_dict() for engine in engines]
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]), (config, name)
    add_gradients(engines[0], float("nan"))
    assert not engines[0].step(0.1) < float("inf")
    after = engines[0].gathered_state_dict()
    assert all(torch.equal(after[name], weights[0][name]) for name in after), config
"""


@pytest.mark.slow
def test_gradients_that_are_discarded_or_no_numbers_leave_nothing(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, max_grad_norm=0)
    configs = []
    for name, zero in {"1": {"stage": 1}, "2": {"stage": 2}, "3": STAGE_3}.items():
        configs.append(tmp_path / f"{name}.json")
        configs[-1].write_text(json.dumps({"zero_optimization": zero}))
    (process,) = start_processes_of(["-c", DISCARD, str(recipe), *map(str, configs)], 1)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err


@pytest.mark.slow
def test_a_process_that_dies_under_zero_is_named_by_the_others(tmp_path: Path) -> None:
    config = tmp_path / "zero2.json"
    config.write_text(json.dumps({"zero_optimization": {"stage": 2}}))
    path = recipe_file(tmp_path, epochs=2000, deepspeed=str(config))
    first, second = start_ranks([str(path)])
    wait_for_lines(tmp_path / "run/metrics.jsonl", 3)
    second.kill()
    out, err = first.communicate(timeout=120)
    second.communicate()
    assert first.returncode == 2, out + err
    assert "Process 0 lost process 1 of 2" in err
    assert "Traceback" not in err
