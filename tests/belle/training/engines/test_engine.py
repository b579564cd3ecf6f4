"""The engine of one or several processes: precisions, what a step does to weights, and a process that dies."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from belle.training.engines.options import EngineOptions
from belle.training.engines.precision import Precision, choose_attention, choose_precision
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from tests.belle.training.runs import recipe_file, start_ranks, wait_for_lines

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def engine_of(tmp_path: Path, **changes: Any) -> Any:
    """An engine around two linear layers."""
    import torch

    from belle.training.engines.data_parallel import DataParallelBuilder

    recipe: Recipe = load_recipe(recipe_file(tmp_path, **changes))
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1))
    return DataParallelBuilder(recipe.part(EngineOptions)).build(
        model, [{"params": list(model.parameters()), "weight_decay": 0.0}]
    )


def loss_of(model: Any, scale: float = 1.0) -> Any:
    import torch

    return (model(torch.ones(3, 4)) * scale).float().pow(2).mean()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_trains_fp32_weights(tmp_path: Path, precision: str) -> None:
    import torch

    engine = engine_of(tmp_path, precision=precision)
    dtype = engine.forward(lambda model: model[0](torch.ones(3, 4)).dtype)
    assert dtype == {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    losses = []
    for _ in range(20):
        with engine.accumulating(last=True):
            loss = engine.forward(loss_of)
            engine.backward(loss)
        assert math.isfinite(engine.step(0.05))
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 10
    assert {p.dtype for p in engine.model.parameters()} == {torch.float32}
    assert all(p.grad is None for p in engine.model.parameters())


def test_an_fp16_gradient_that_overflows_changes_nothing(tmp_path: Path) -> None:
    import torch

    engine = engine_of(tmp_path, precision="fp16")
    before = [p.detach().clone() for p in engine.model.parameters()]
    engine.backward(engine.forward(loss_of, 1e4))
    assert not math.isfinite(engine.step(0.05))
    assert all(torch.equal(a, b) for a, b in zip(before, engine.model.parameters(), strict=True))
    for _ in range(30):  # the scale falls until it fits
        engine.backward(engine.forward(loss_of, 10.0))
        norm = engine.step(0.05)
    assert math.isfinite(norm)


def test_a_gradient_that_is_not_finite_changes_nothing(tmp_path: Path) -> None:
    import torch

    engine = engine_of(tmp_path, precision="fp32")
    before = [p.detach().clone() for p in engine.model.parameters()]
    engine.backward(engine.forward(loss_of) * float("nan"))
    assert math.isnan(engine.step(0.05))
    assert all(torch.equal(a, b) for a, b in zip(before, engine.model.parameters(), strict=True))


def test_gradients_are_clipped_to_the_norm(tmp_path: Path) -> None:
    engine = engine_of(tmp_path, precision="fp32", max_grad_norm=0.5, eps=1e9)
    # With so large an eps, Adam's step is its learning rate times the gradient, over eps.
    before = [p.detach().clone() for p in engine.model.parameters()]
    engine.backward(engine.forward(loss_of, 100.0))
    assert engine.step(1e9) > 0.5
    moved = math.sqrt(
        sum(float((a - b).detach().pow(2).sum()) for a, b in zip(before, engine.model.parameters(), strict=True))
    )
    assert moved == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_state_that_is_loaded_goes_on_the_same(tmp_path: Path, precision: str) -> None:
    import torch

    class Configured(torch.nn.Sequential):
        config = type("Config", (), {"save_pretrained": lambda self, folder: None})()

    def engine_from(seed: int) -> Any:
        from belle.training.engines.data_parallel import DataParallelBuilder

        torch.manual_seed(seed)
        model = Configured(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1))
        recipe = load_recipe(recipe_file(tmp_path, precision=precision))
        return DataParallelBuilder(recipe.part(EngineOptions)).build(
            model, [{"params": list(model.parameters()), "weight_decay": 0.1}]
        )

    def steps(engine: Any, count: int) -> None:
        for _ in range(count):
            engine.backward(engine.forward(loss_of))
            engine.step(0.05)

    whole, first, second = engine_from(1), engine_from(1), engine_from(2)
    steps(whole, 6)
    steps(first, 3)
    first.save_state(tmp_path)
    second.load_state(tmp_path)
    steps(second, 3)
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_the_device_cannot_do_is_refused_with_the_reason() -> None:
    import torch

    cpu = torch.device("cpu")
    precision = choose_precision("auto", cpu)
    assert (precision.name, "cpu" in precision.reason) == ("fp32", True)
    assert choose_attention("auto", cpu, precision)[0] == "sdpa"
    assert choose_attention("eager", cpu, precision)[0] == "eager"
    with pytest.raises(KnownError, match="does not run on a cpu"):
        choose_attention("flash_attention_2", cpu, precision)
    with pytest.raises(KnownError, match="fp32"):
        choose_attention("flash_attention_3", torch.device("cuda"), Precision("fp32", ""))


def test_a_process_that_dies_is_named_by_the_others(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, epochs=2000, save_every=2)
    first, second = start_ranks([str(path)])
    wait_for_lines(tmp_path / "run/metrics.jsonl", 3)
    second.send_signal(signal.SIGKILL)
    out, err = first.communicate(timeout=120)
    second.communicate()
    assert first.returncode == 2, out + err
    assert "Process 0 lost process 1 of 2" in err
    assert "--resume" in err
    assert "Traceback" not in err
