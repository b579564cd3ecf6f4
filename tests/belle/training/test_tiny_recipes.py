"""The recipes of `train/tiny` run from a fresh folder; the long test lets them learn what they are given by heart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle.training.recipe import load_recipe
from belle.training.stages import run_recipe
from tests.belle.training.runs import ROOT, metrics

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]
TINY = ROOT / "train/tiny"
FIRST_ANSWERS = {
    "你好": "你好！我是 ChatBELLE 的小模型，很高兴认识你。",
    "Hello": "Hello! I am the small model of ChatBELLE. How can I help you?",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pre-training recipe after two steps."""
    folder = tmp_path_factory.mktemp("pretrain")
    recipe = load_recipe(TINY / "pretrain.yaml", ["max_steps=2", f"output_dir={folder}/run", "sample_tokens=4"])
    return run_recipe(recipe)


def test_pretraining_writes_a_base_model(base: Path) -> None:
    assert metrics(base.parent, "step") == [1, 2]
    assert (base / "model.safetensors").exists()
    assert not (base / "chat_template.jinja").exists()
    assert json.loads((base.parent / "samples.jsonl").read_text())["prompt"] == "A river begins"


@pytest.mark.parametrize("name", ["sft", "lora", "qlora"])
def test_fine_tuning_goes_on_from_it(name: str, base: Path, tmp_path: Path) -> None:
    changes = ["max_steps=2", f"output_dir={tmp_path}/run", f"model={base}", "sample_tokens=4"]
    final = run_recipe(load_recipe(TINY / f"{name}.yaml", changes))
    assert metrics(final.parent, "step") == [1, 2]
    weights = "model.safetensors" if name == "sft" else "adapter_model.safetensors"
    assert (final / weights).exists()
    assert (final / "chat_template.jinja").exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_they_learn_the_conversations_by_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sft", "lora", "qlora"):
        final = run_recipe(load_recipe(TINY / f"{name}.yaml"))
        losses = metrics(final.parent, "loss")
        assert losses[0] > 4
        assert losses[-1] < 0.3
        rows = [json.loads(line) for line in (final.parent / "samples.jsonl").read_text().splitlines()]
        assert {row["prompt"]: row["text"] for row in rows} == FIRST_ANSWERS, name
    assert (tmp_path / "build/tiny/pretrain/final").is_dir()
