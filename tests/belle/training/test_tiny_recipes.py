"""The recipes of `train/tiny` run in an empty folder; in the slow tests they learn their data by heart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.evaluation.makers.pictures.__main__ import write_training
from belle.cli.main import main
from belle.training.recipe.load import load_recipe
from belle.training.stages.run import run_recipe
from convert.llama_ids import llama_ids
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


def test_text_and_conversations_are_pre_trained_on_together(tmp_path: Path) -> None:
    changes = ["max_steps=2", f"output_dir={tmp_path}/run", "sample_tokens=4", "mix.ratio=4:1"]
    final = run_recipe(load_recipe(TINY / "mip.yaml", changes))
    assert metrics(final.parent, "step") == [1, 2]
    assert (final / "chat_template.jinja").exists()
    record = json.loads((final.parent / "run.json").read_text())
    assert (record["mix"]["domain_rows"], record["mix"]["general_rows"]) == (62, 16)


@pytest.mark.parametrize("name", ["sft", "lora", "qlora"])
def test_fine_tuning_goes_on_from_it(name: str, base: Path, tmp_path: Path) -> None:
    changes = ["max_steps=2", f"output_dir={tmp_path}/run", f"model={base}", "sample_tokens=4"]
    final = run_recipe(load_recipe(TINY / f"{name}.yaml", changes))
    assert metrics(final.parent, "step") == [1, 2]
    weights = "model.safetensors" if name == "sft" else "adapter_model.safetensors"
    assert (final / weights).exists()
    assert (final / "chat_template.jinja").exists()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("vocab", []),
        ("reward", []),
        ("dpo", []),
        ("ppo", ["ppo.reward_model=null", "ppo.value_model=null", "ppo.reward_function=length:20", "ppo.rollouts=8"]),
    ],
)
def test_the_other_stages_go_on_from_it(name: str, more: list[str], base: Path, tmp_path: Path) -> None:
    changes = ["max_steps=2", f"output_dir={tmp_path}/run", f"model={base}", *more]
    final = run_recipe(load_recipe(TINY / f"{name}.yaml", changes), llama_ids=llama_ids)
    assert metrics(final.parent, "step") == [1, 2]
    assert len(metrics(final.parent, "loss")) == 2
    assert (final / "model.safetensors").exists()


def test_a_model_that_sees_is_made_of_it(base: Path, tmp_path: Path) -> None:
    write_training(tmp_path / "pictures", 12)
    model = base
    for name, file in (("vl_align", "captions"), ("vl_instruct", "conversations")):
        data = tmp_path / f"pictures/{file}.jsonl"
        changes = ["max_steps=2", f"output_dir={tmp_path}/{name}", f"model={model}", f"data={data}", "batch_size=4"]
        model = run_recipe(load_recipe(TINY / f"{name}.yaml", changes))
        assert metrics(model.parent, "step") == [1, 2]
        assert (model / "preprocessor_config.json").exists()
    assert json.loads((model / "config.json").read_text())["model_type"] == "llava"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_they_learn_the_conversations_by_heart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in llama.cpp, after adapters were merged and all models converted."""
    monkeypatch.chdir(tmp_path)
    for name in ("sft", "lora", "qlora"):
        final = run_recipe(load_recipe(TINY / f"{name}.yaml"))
        losses = metrics(final.parent, "loss")
        assert losses[0] > 4
        assert losses[-1] < 0.3
        rows = [json.loads(line) for line in (final.parent / "samples.jsonl").read_text().splitlines()]
        assert {row["prompt"]: row["text"] for row in rows} == FIRST_ANSWERS, name
        if name != "sft":
            onto = "nf4" if name == "qlora" else "base"
            assert main(["merge", str(final), "-o", f"{name}-merged", "--onto", onto]) == 0
            final = Path(f"{name}-merged")
        assert main(["convert", str(final), "-o", f"{name}.gguf"]) == 0
        for question, answer in FIRST_ANSWERS.items():
            capsys.readouterr()
            words = ["--prompt", question, "--temperature", "0", "--max-tokens", "60", "--json"]
            assert main(["chat", "--model", f"{name}.gguf", *words]) == 0
            assert json.loads(capsys.readouterr().out)["text"] == answer, name
    assert (tmp_path / "build/tiny/pretrain/final").is_dir()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_preferences_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first_and_last = {}
    for name, figure in (("reward", "loss"), ("dpo", "loss"), ("ppo", "reward")):
        run = run_recipe(load_recipe(TINY / f"{name}.yaml")).parent
        values = metrics(run, figure)
        fifth = max(1, len(values) // 5)
        first_and_last[name] = sum(values[:fifth]) / fifth, sum(values[-fifth:]) / fifth
    assert first_and_last["reward"][1] < 0.5 * first_and_last["reward"][0]
    assert first_and_last["dpo"][1] < 0.8 * first_and_last["dpo"][0]
    assert first_and_last["ppo"][1] > first_and_last["ppo"][0] + 0.3
