"""train/start: my model, my data. The recipes run, and every command of the page works as it is written."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from belle.cli.main import main
from tests.belle.training.runs import CONVERSATIONS, TOKENIZER, run

ROOT = Path(__file__).parents[1]
START = ROOT / "train" / "start"
RECIPES = sorted(path.stem for path in START.glob("*.yaml"))
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the root of the repository, with my model and my data in it."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "train").symlink_to(ROOT / "train")
    shape = {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4}
    made = run(folder / "base", init={"tokenizer": str(TOKENIZER), **shape}, max_steps=2)
    (folder / "models").mkdir()
    (made / "final").rename(folder / "models/my-model")
    rows = [{"instruction": question, "output": answer} for talk in CONVERSATIONS for question, answer in talk[:1]]
    (folder / "my.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return folder


def commands() -> list[list[str]]:
    """The lines of the page that are commands, as a shell would split them."""
    lines = [line.strip() for line in (START / "README.md").read_text(encoding="utf-8").splitlines()]
    first = next(number for number, line in enumerate(lines) if line.startswith("belle data check"))
    last = lines.index("make chat")
    assert lines[first - 1].startswith("pip install '.[train]'")
    assert last - first + 2 == 10
    return [shlex.split(line, comments=True) for line in lines[first:last]]


def test_ten_lines_lead_from_a_file_to_a_chat_in_the_window(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    for program, *arguments in commands():
        assert program == "belle"
        assert main(arguments) == 0, arguments
    told = capsys.readouterr().out
    assert "proved: logits differ by at most" in told
    assert main(["models", "list"]) == 0
    assert "mine" in capsys.readouterr().out


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_to_start_from_trains_my_model_on_my_data(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(place)
    words = [f"train/start/{name}.yaml", "--set", "model=models/my-model", "--set", "data=my.json"]
    assert main(["train", *words, "--dry-run"]) == 0
    assert "parameters" in capsys.readouterr().out
    assert main(["train", *words, "--set", f"output_dir={tmp_path / 'run'}", "--set", "max_steps=1"]) == 0
    final = tmp_path / "run/final"
    assert (final / ("model.safetensors" if name == "full" else "adapter_model.safetensors")).is_file()
    assert len((tmp_path / "run/samples.jsonl").read_text().splitlines()) == 2


def test_every_number_of_a_recipe_to_start_from_says_why() -> None:
    for name in RECIPES:
        for line in (START / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
            key, colon, value = line.partition(":")
            if colon and not line.startswith("#") and key not in ("stage", "output_dir", "lora"):
                assert "  # " in value, f"{name}: {line}"


def test_the_page_names_every_recipe_to_start_from() -> None:
    page = (START / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}.yaml`" in page for name in RECIPES)
