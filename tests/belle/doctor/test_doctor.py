"""`belle doctor`: what it finds on a sound machine, what it says of each trouble, and what it keeps to itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from belle import paths
from belle.cli.main import main
from belle.doctor import DoctorReport, examination, examine, libraries
from belle.doctor import engine as engine_look
from belle.doctor import machine as machine_look
from belle.engine.process import safer_mode
from belle.models import registry
from tests.support.illegal_kernels import break_llama


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the look that takes a second and starts processes."""
    rest = {name: look for name, look in examination.SECTIONS.items() if name != "engine"}
    monkeypatch.setattr(examination, "SECTIONS", rest)


def kinds(report: DoctorReport) -> set[str]:
    return {problem.kind for problem in report.problems}


def test_everything_works_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for words in ("Machine", "processor", "features", "Engine", "built with", "reads F16", "Libraries", "free disk"):
        assert words in shown
    assert "Does not work" not in shown


@pytest.mark.usefixtures("without_engine")
def test_a_bug_report_tells_nothing_of_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "jane-doe"
    monkeypatch.setenv("HOME", str(home))
    home.mkdir()
    registry.register("letters-to-ann", home / "ann.gguf")
    paths.private_folder(paths.data_dir())
    paths.database_file().write_bytes(b"SQLite format 3\0" + b"my diary" * 500)
    main(["doctor", "--json"])
    shown = capsys.readouterr().out
    for secret in ("jane-doe", "letters-to-ann", "ann.gguf", "diary", str(tmp_path)):
        assert secret not in shown
    told = json.loads(shown)
    assert {problem["kind"] for problem in told["problems"]} >= {"store_damaged", "model_missing"}
    main(["doctor"])
    assert "letters-to-ann" in capsys.readouterr().out


def damage_the_store(_: pytest.MonkeyPatch) -> None:
    paths.private_folder(paths.data_dir())
    with sqlite3.connect(paths.database_file()) as connection:
        connection.execute("CREATE TABLE message (text)")
        connection.executemany("INSERT INTO message VALUES (?)", [("a" * 900,)] * 200)
    connection.close()
    data = bytearray(paths.database_file().read_bytes())
    data[8192:12288] = b"\xff" * 4096
    paths.database_file().write_bytes(data)


def lose_a_model(_: pytest.MonkeyPatch) -> None:
    registry.register("gone", paths.models_dir() / "gone.gguf")


def damage_the_registry(_: pytest.MonkeyPatch) -> None:
    paths.private_folder(paths.models_dir())
    (paths.models_dir() / "models.json").write_text("{")


def block_the_data_folder(_: pytest.MonkeyPatch) -> None:
    paths.data_dir().parent.mkdir(parents=True)
    paths.data_dir().write_text("a file where the folder should be")


def use_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "tested_versions", lambda: {"numpy": "1.0"})


def need_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries.importlib.metadata, "requires", lambda name: ["no-such-library>=2"])


def need_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries.importlib.metadata, "requires", lambda name: ["numpy>=99"])


def use_up_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_look, "available_memory", lambda: 10**8)


@pytest.mark.usefixtures("without_engine")
@pytest.mark.parametrize(
    ("spoil", "kind", "command"),
    [
        (damage_the_store, "store_damaged", "chatbelle"),
        (lose_a_model, "model_missing", "belle models remove gone"),
        (damage_the_registry, "registry_damaged", "models.json.damaged"),
        (block_the_data_folder, "folder_not_writable", "chown"),
        (use_another_version, "library_untested", "pip install numpy==1.0"),
        (need_what_is_not_there, "library_missing", "pip install no-such-library"),
        (need_a_newer_one, "library_unsuitable", "pip install numpy"),
        (use_up_the_memory, "little_memory", ""),
    ],
)
def test_each_trouble_has_a_sentence_and_a_command(
    spoil: Callable[[pytest.MonkeyPatch], None], kind: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kind not in kinds(examine())
    spoil(monkeypatch)
    problem = next(problem for problem in examine().problems if problem.kind == kind)
    assert problem.message.endswith(".")
    assert command in problem.command


def test_an_engine_that_dies_is_told_with_the_way_to_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_llama(tmp_path, monkeypatch)
    (problem,) = [p for p in engine_look.engine().problems if p.serious]
    assert problem.kind == "engine_only_safer"
    assert "SIGILL" in problem.message
    assert "--no-binary llama-cpp-python" in problem.command


def test_an_engine_that_needed_the_safer_mode_before_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    safer_mode.remember()
    (problem,) = engine_look.engine().problems
    assert problem.kind == "engine_safer_mode"
    assert not problem.serious


def test_a_gpu_that_is_not_used_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_look, "gpus_of_the_machine", lambda: ["Intel", "NVIDIA"])
    said, (problem,) = engine_look._gpu()
    assert said == "not used: llama.cpp was built without CUDA"
    assert "-DGGML_CUDA=on" in problem.command
    assert not problem.serious
