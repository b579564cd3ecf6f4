"""All trained weights are fp32, in every engine and precision: small steps move them as in a run in fp32.

A step of 1e-5 is far below what bf16 can add to a weight of 0.02. With 16-bit weights most elements would stay where
they are, and those that move would jump.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from belle.training.engines.data_parallel import DataParallelBuilder
from belle.training.engines.options import EngineOptions
from belle.training.recipe.load import load_recipe
from tests.belle.training.pairs_data import write_pairs
from tests.belle.training.rank_script import run_jobs
from tests.belle.training.runs import largest_difference, recipe_file, run, weights

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

SMALL_STEPS = {
    "max_steps": 12,
    "learning_rate": 1e-5,
    "schedule": "constant",
    "warmup": 0,
    "batch_size": 2,
    "accumulation": 2,
    "batching": "group",
    "final_precision": "fp32",
}
# Embeddings, head and a norm in full, beside matrices of low rank.
LORA = {"r": 4, "dropout": 0.0, "modules_to_save": ["embed_tokens", "lm_head", "norm"]}
KINDS = ("whole", "adapter", "reward")
STAGE_3 = {"stage": 3, "stage3_param_persistence_threshold": 0}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in bf16, from whose weights every engine starts exactly."""
    folder = tmp_path_factory.mktemp("base")
    return run(folder, max_steps=20, batch_size=10, final_precision="bf16") / "final"


def changes_of(kind: str, folder: Path) -> dict[str, Any]:
    """The keys of a recipe that trains this kind of weights."""
    if kind == "whole":
        return {}
    if kind == "adapter":
        return {"lora": LORA}
    folder.mkdir(parents=True, exist_ok=True)
    # The head for scores is new, and trained in full beside the adapter.
    pairs = write_pairs(folder / "pairs.jsonl", 16)
    return {"stage": "reward", "data": [str(pairs)], "lora": {"r": 4, "dropout": 0.0}}


def movement(run_folder: Path, base: Path) -> dict[str, Tensor]:
    """What training added to each weight, but for those that begin at random: matrices A, and the head for scores."""
    final = run_folder / "final"
    start = weights(base / "model.safetensors")
    whole = final / "model.safetensors"
    if whole.exists():
        return {name: value.float() - start[name].float() for name, value in weights(whole).items()}
    moved = {}
    for name, value in weights(final / "adapter_model.safetensors").items():
        if "lora_A" in name or name.endswith("score.weight"):
            continue
        known = start.get(name.removeprefix("base_model.model.").replace("modules_to_save.", ""))
        moved[name] = value.float() - (0 if known is None else known.float())
    return moved


def check_moves_alike(moved: dict[str, Tensor], exact: dict[str, Tensor]) -> None:
    """The same elements moved, in the same directions; 16-bit weights give 0.2 and a twentieth of the elements."""
    assert moved.keys() == exact.keys()
    for name, expected in exact.items():
        actual = moved[name]
        cosine = float(torch.nn.functional.cosine_similarity(actual.flatten(), expected.flatten(), dim=0))
        shares = [float((part != 0).float().mean()) for part in (actual, expected)]
        assert cosine > 0.95, name
        # The steps of a few elements cancel by chance.
        assert shares[0] > 0.9 * shares[1] > 0, name


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("kind", KINDS)
def test_small_steps_move_in_16_bits_what_they_move_in_32(
    tmp_path: Path, base: Path, kind: str, precision: str
) -> None:
    moved = {}
    for name in (precision, "fp32"):
        folder = tmp_path / name
        run_folder = run(folder, model=str(base), precision=name, **{**SMALL_STEPS, **changes_of(kind, folder)})
        moved[name] = movement(run_folder, base)
    check_moves_alike(moved[precision], moved["fp32"])


def test_only_what_is_frozen_keeps_16_bits(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, precision="bf16"))
    model = torch.nn.Sequential(torch.nn.Embedding(4, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 1)).bfloat16()
    model[0].requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    engine = DataParallelBuilder(recipe.part(EngineOptions)).build(model, [{"params": trained, "weight_decay": 0.0}])
    assert {p.dtype for p in trained} == {torch.float32}
    assert model[0].weight.dtype == torch.bfloat16
    engine.backward(engine.forward(lambda m: m(torch.tensor([1, 2])).float().sum()))
    assert engine.step(1e-5) > 0


ENGINES: dict[str, dict[str, Any] | None] = {
    "ddp": None,
    "zero1": {"stage": 1},
    "zero2": {"stage": 2},
    "zero3": STAGE_3,
}
# Those of `make test`; the others are slow.
QUICK = [("adapter", "ddp"), ("adapter", "zero2"), ("adapter", "zero3")]
OTHERS = [(kind, engine) for kind in KINDS for engine in ENGINES if (kind, engine) not in QUICK]


def run_pairs(folder: Path, base: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    """Each kind of weights in each engine, in two processes and bf16; its kind in fp32; and adapters that
    are continued, by a step with learning rate 1e-30."""
    jobs: list[dict[str, Any]] = []

    def add(name: str, engine: str, precision: str, **changes: Any) -> None:
        if (zero := ENGINES[engine]) is not None:
            config = folder / f"{engine}.json"
            config.write_text(json.dumps({"zero_optimization": zero}))
            changes["deepspeed"] = str(config)
        values = {**SMALL_STEPS, "model": str(base), "precision": precision, **changes}
        jobs.append({"recipe": str(recipe_file(folder / name, **values))})

    for kind in sorted({"adapter", *(kind for kind, _ in pairs)}):
        add(f"{kind}-fp32", "ddp", "fp32", **changes_of(kind, folder / kind))
    for kind, engine in pairs:
        add(f"{kind}-{engine}", engine, "bf16", **changes_of(kind, folder / kind))
    first = folder / "adapter-fp32/run/final"
    for engine in sorted({engine for _, engine in pairs}):
        add(f"on-{engine}", engine, "bf16", model=str(first), lora={}, learning_rate=1e-30, max_steps=1)
    assert run_jobs(jobs, folder) == [None] * len(jobs)
    return folder


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """The runs of `make test`."""
    return run_pairs(tmp_path_factory.mktemp("quick"), base, QUICK)


@pytest.fixture(scope="module")
def thorough(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """All others."""
    return run_pairs(tmp_path_factory.mktemp("thorough"), base, OTHERS)


def check_pair(folder: Path, base: Path, kind: str, engine: str) -> None:
    moved = [movement(folder / f"{kind}-{name}/run", base) for name in (engine, "fp32")]
    check_moves_alike(*moved)


def check_continued(folder: Path, engine: str) -> None:
    files = [folder / name / "run/final/adapter_model.safetensors" for name in ("adapter-fp32", f"on-{engine}")]
    assert largest_difference(*files) < 1e-12


@pytest.mark.parametrize(("kind", "engine"), QUICK)
def test_every_engine_moves_what_fp32_moves(quick: Path, base: Path, kind: str, engine: str) -> None:
    check_pair(quick, base, kind, engine)


@pytest.mark.parametrize("engine", ["ddp", "zero2", "zero3"])
def test_an_adapter_goes_on_in_every_engine_from_its_own_fp32_weights(quick: Path, engine: str) -> None:
    check_continued(quick, engine)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "engine"), OTHERS)
def test_every_engine_moves_every_kind_of_weights(thorough: Path, base: Path, kind: str, engine: str) -> None:
    check_pair(thorough, base, kind, engine)
    check_continued(thorough, engine)
