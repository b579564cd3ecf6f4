"""`belle train sweep` with tiny models: what is done is not done again, what was killed goes on, failures are named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from belle.cli.main import main
from belle.sweep import training_runs
from tests.belle.training.runs import CONVERSATIONS, TOKENIZER, start, write_conversations
from tests.support.fork_server import ForkedProgram

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class ForkedRun:
    """A run of `belle train` as a fork of a process that has imported torch, with the methods that the sweep uses."""

    def __init__(self, command: Sequence[str], log: int, kill_at: Path | None) -> None:
        assert list(command[1:4]) == ["-m", "belle", "train"]
        program = start(command[4:])
        assert isinstance(program, ForkedProgram)
        self._program = program
        self._log = os.dup(log)
        self._kill_at = kill_at

    def poll(self) -> int | None:
        return self._program.poll()

    def wait(self, timeout: float | None = None) -> int:
        if self._kill_at is not None and self._kill_at.exists():
            self._program.kill()
        status = self._program.wait(0.02 if self._kill_at is not None and timeout is not None else timeout)
        if self._log >= 0:
            for text in self._program.communicate():
                os.write(self._log, text.encode())
            os.close(self._log)
            self._log = -1
        return status

    def terminate(self) -> None:
        self._program.send_signal(signal.SIGTERM)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The output_dir of every run that was started; a run is killed when the file in `kill_at` appears."""
    folders: list[Path] = []

    def start_run(command: Sequence[str], log: int) -> ForkedRun:
        folder = next(word for word in command if word.startswith("output_dir=")).partition("=")[2]
        folders.append(Path(folder))
        kill_at = Path(folder, "step-2") if os.environ.get("KILL_RUN", "?") in folder else None
        return ForkedRun(command, log, kill_at)

    monkeypatch.setattr(training_runs, "start", start_run)
    monkeypatch.setattr(training_runs, "_POLL_SECONDS", 0.1)
    return folders


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A MIP recipe: ten conversations, forty texts, four steps."""
    write_conversations(tmp_path / "domain.jsonl")
    for name, count in (("general", 40), ("held-out", 12)):
        lines = (json.dumps({"text": f"{name} {n}: a river begins as a stream in the hills."}) for n in range(count))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    values = {
        "stage": "mip",
        "output_dir": "unused",
        "init": {
            "tokenizer": str(TOKENIZER),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
        },
        "template": "belle",
        "data": ["domain.jsonl"],
        "mix": {"general": ["general.jsonl"], "ratio": "1:1"},
        "eval_data": ["held-out.jsonl"],
        "max_length": 64,
        "batch_size": 4,
        "max_steps": 4,
        "learning_rate": 1e-2,
        "tracking": [],
        "processes": 1,
        "save_every": 1,
        "keep_last": 0,
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.fixture
def items(tmp_path: Path) -> Path:
    checks = [{"type": "length", "max": 4000}]
    rows = [
        {"id": f"i{n}", "class": "math", "question": question, "reference": "2", "checks": checks}
        for n, question in enumerate(["1+1=?", CONVERSATIONS[0][0][0]])
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


Belle = Callable[..., str]


@pytest.fixture
def sweep(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Belle:
    def run(*words: str | Path, status: int = 0) -> str:
        found = main(["train", "sweep", str(recipe), "-o", str(tmp_path / "out"), *map(str, words)])
        captured = capsys.readouterr()
        assert found == status, captured
        assert "Traceback" not in captured.err
        return captured.out + captured.err

    return run


def test_each_ratio_is_trained_and_compared_and_failures_are_named(
    sweep: Belle, started: list[Path], items: Path, tmp_path: Path
) -> None:
    words = ("--over", "mix.ratio=1:0,1:2,1:50", "--eval-set", items, "--max-tokens", "4")
    listed = sweep(*words, "--dry-run")
    assert "new       mix.ratio=1-2: mix.ratio=1:2, seed=1234" in listed and "3 runs" in listed
    assert not started and not (tmp_path / "out").exists()
    shown = sweep(*words, status=1)
    assert [folder.name for folder in started] == ["mix.ratio=1-0", "mix.ratio=1-2", "mix.ratio=1-50"]
    assert "mix.ratio=1-50 failed: mix.ratio: 1:50 needs 500 rows of general data, and there are 40." in shown
    document = json.loads((tmp_path / "out/sweep.json").read_text())
    first, second, third = document["rows"]
    assert (first["mix"]["general_rows"], second["mix"]["general_rows"]) == (0, 20)
    assert first["loss"]["n"] == second["loss_change"]["n"] == 12
    assert second["loss_change"]["high"] < 0  # the held-out texts are like the general ones
    assert first["score"]["n"] == 2 and third["loss"] is None
    assert "mix.ratio=1:50" in (tmp_path / "out/sweep.md").read_text()
    logged = [json.loads(line) for line in (tmp_path / "out/runs/mix.ratio=1-2/metrics.jsonl").read_text().splitlines()]
    assert second["loss"]["value"] == pytest.approx(logged[-1]["eval_loss"], rel=1e-4)

    before = sweep(*words, status=1).splitlines()
    assert [folder.name for folder in started[3:]] == ["mix.ratio=1-50"]  # what is finished is not done again
    assert [line for line in shown.splitlines() if line.startswith("mix.ratio=1:")] == [
        line for line in before if line.startswith("mix.ratio=1:")
    ]
    (tmp_path / "domain.jsonl").write_text(json.dumps({"text": "Another domain."}), encoding="utf-8")
    assert "or with other data" in sweep(*words, status=2)


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(
    sweep: Belle, started: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--over", "learning_rate=0.01,0.02", "--set", "max_steps=16")
    monkeypatch.setenv("KILL_RUN", "0.02")
    shown = sweep(*words, status=1)
    assert "learning_rate=0.02 failed: it was ended by signal 9" in shown
    monkeypatch.delenv("KILL_RUN")
    assert "begun     learning_rate=0.02" in sweep(*words, "--dry-run")
    assert "failed" not in sweep(*words)
    assert [folder.name for folder in started] == ["learning_rate=0.01", "learning_rate=0.02", "learning_rate=0.02"]
    assert "going on from" in (tmp_path / "out/logs/learning_rate=0.02.log").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "needs --over"),
        (("--over", "mix.ratio=1:0,one"), "mix.ratio"),
        (("--over", "no_such_key=1,2"), "not a key of a recipe"),
        (("--over", "stage=reward,dpo"), "reward"),
        (("--over", "epochs=1,2", "--set", "eval_data=[]"), "nothing could be compared"),
        (("--over", "epochs=1,2", "--eval-set", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--over", "epochs=1,2", "--resume"), "no --resume"),
    ],
)
def test_mistakes_are_said_before_anything_is_trained(
    sweep: Belle, started: list[Path], words: tuple[str, ...], told: str
) -> None:
    assert told in sweep(*words, status=2)
    assert not started


def test_the_runs_are_ordinary_processes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = training_runs.start(["sh", "-c", "echo belle: no; exit 3"], stream.fileno())
    assert isinstance(process, subprocess.Popen) and process.wait() == 3
    assert training_runs._reason(log, 3) == "no"
