"""`belle train` on the command line: mistakes cost a second and exit with 2, and the help says what is possible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from belle.cli.main import main
from tests.belle.training.runs import metrics, recipe_file

ROOT = Path(__file__).parents[3]


def test_a_wrong_key_is_named_before_anything_is_loaded(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path)
    program = (
        "import sys; from belle.cli.main import main;"
        f"status = main(['train', {str(recipe)!r}, '--set', 'larning_rate=1']);"
        "print(status, [m for m in ('torch', 'transformers', 'numpy', 'peft') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert result.stdout.strip() == "2 []"
    assert "larning_rate" in result.stderr
    assert "Did you mean “learning_rate”?" in result.stderr
    assert str(recipe) in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_starts_in_a_new_python_process(tmp_path: Path) -> None:
    """Other tests run it in a process that has imported the libraries already, or in a fork of one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "belle", "train", str(recipe_file(tmp_path, max_steps=1))]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / "final" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml does not exist"),
        (["report"], "one run"),
        (["report", "nowhere"], "nowhere"),
        (["one.yaml", "two.yaml"], "two.yaml"),
        (["one.yaml", "--set", "seed"], "one.yaml"),
    ],
)
def test_what_is_missing_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_recipe_that_starts_from_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_file(tmp_path, model=str(tmp_path / "recipe.yaml"))
    assert main(["train", str(recipe)]) == 2
    assert "starts from itself" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_train_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_file(tmp_path)
    assert main(["train", str(recipe), "--set", "max_steps=2", "--set", "tracking=[tensorboard]"]) == 0
    out = capsys.readouterr().out
    assert "precision: " in out
    assert "attention: " in out
    assert "written: " in out
    run = tmp_path / "run"
    assert metrics(run, "step") == [1, 2]
    assert list(run.glob("tensorboard/*"))
    assert main(["train", "report", str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    assert main(["train", str(recipe), "--set", "max_steps=2"]) == 2
    assert "--resume" in capsys.readouterr().err
