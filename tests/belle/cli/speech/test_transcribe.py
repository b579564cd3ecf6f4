"""`belle transcribe` with the real library and a model that says the same words whatever it hears."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from belle.cli.speech.transcribe import system_language
from belle.speech import library
from tests.belle.speech.conftest import write_recording
from tests.belle.speech.speaking_model import write_model

BELLE = [sys.executable, "-m", "belle", "transcribe"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not library.is_installed():
        pytest.skip("needs pywhispercpp (the extra “voice”)")
    return write_model(tmp_path_factory.mktemp("speech") / "hello.bin", [" Hello", " world", "."])


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "talk.wav", 1, 2, 4, 3, 0.5)


def run(*words: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [*BELLE, "--threads", "1", *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr
    return result


def test_the_text_goes_to_the_terminal(model: Path, talk: Path) -> None:
    assert run(talk, "--model", model, "--offline").stdout == "Hello world.\nHello world.\n"


def test_several_recordings_become_files_and_one_that_cannot_be_read_does_not_stop_the_others(
    model: Path, talk: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF\4\0\0\0WAVE")
    (tmp_path / "empty.wav").write_bytes(b"")
    out = tmp_path / "texts"
    words = (tmp_path / "bad.wav", tmp_path / "empty.wav", talk, "--model", model, "--format", "json")
    result = run(*words, "-o", out, "--language", "zh", status=2)
    assert [path.name for path in out.iterdir()] == ["talk.json"]
    value = json.loads((out / "talk.json").read_text(encoding="utf-8"))
    assert [(t["text"], t["language"]) for t in value["texts"]] == [("Hello world.", "zh")] * 2
    assert "bad.wav cannot be read as a WAV file" in result.stderr
    assert "empty.wav has no sound in it: 0 samples" in result.stderr
    assert "2 of 3 recordings could not be transcribed" in result.stderr


def test_a_file_is_replaced_only_when_that_is_asked_for(model: Path, talk: Path, tmp_path: Path) -> None:
    out = tmp_path / "talk.srt"
    out.write_text("precious", encoding="utf-8")
    words = (talk, "--model", model, "--format", "srt", "-o", out)
    assert "talk.srt exists already" in run(*words, status=2).stderr
    assert out.read_text(encoding="utf-8") == "precious"
    run(*words, "--replace")
    assert out.read_text(encoding="utf-8").startswith("1\n00:00:0")
    assert "is an input" in run(talk, "--model", model, "-o", talk, "--replace", status=2).stderr


def test_recordings_of_one_name_get_files_of_their_own(model: Path, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.wave").write_bytes(talk.read_bytes())
    run(talk, tmp_path / "talk.wave", "--model", model, "-o", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["talk.wav.txt", "talk.wave.txt"]
    assert "would be written twice" in run(talk, talk, "--model", model, "-o", tmp_path / "new", status=2).stderr


def test_of_silence_that_is_said(model: Path, tmp_path: Path) -> None:
    result = run(write_recording(tmp_path / "silence.wav", 3), "--model", model)
    assert (result.stdout, result.stderr) == ("", "Nothing is said in silence.wav.\n")


def test_ctrl_c_keeps_what_was_written_down(model: Path, tmp_path: Path) -> None:
    clips = 80  # more than are written down in three seconds, also on a fast machine
    long = write_recording(tmp_path / "long.wav", *([3, 20] * clips))
    command = [*BELLE, "--threads", "1", str(long), "--model", str(model), "-o", str(tmp_path / "long.txt")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while not children.read_text(encoding="ascii").split() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(3)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not (tmp_path / "long.txt").exists()
    partial = (tmp_path / "long.partial.txt").read_text(encoding="utf-8")
    assert set(partial.splitlines()) <= {"Hello world."}
    assert len(partial.splitlines()) < clips


@pytest.mark.parametrize(
    ("setting", "language"),
    [("zh_CN.UTF-8", "zh"), ("zh", "zh"), ("en_GB", "en"), ("C", "auto"), ("de_DE.UTF-8", "auto")],
)
def test_the_language_is_that_of_the_system(setting: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", setting)
    assert system_language() == language
