"""`belle speak`: texts, files and standard input into WAV files; mistakes in words."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import pytest

from belle.speech.speaking.voices.choice import missing_packages
from tests.belle.speech.speaking.tiny_kokoro import write_kokoro


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := missing_packages():
        pytest.skip(f"needs {', '.join(missing)} (the extra “speak”)")
    return write_kokoro(tmp_path_factory.mktemp("voice") / "tiny")


def speak(*words: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "belle", "speak", *map(str, words)]
    return subprocess.run(command, check=False, input=text, capture_output=True, text=True, timeout=60)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        return file.getnframes() / file.getframerate()


def test_text_file_and_standard_input_are_read(voice: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# 标题\n\n第一句。\n\n```\n不读的代码，它很长很长很长很长。\n```\n")
    outputs = [tmp_path / f"{n}.wav" for n in range(3)]
    first = speak("标题，第一句。", "--model", voice, "-o", outputs[0])
    second = speak(tmp_path / "notes.md", "--model", voice, "-o", outputs[1])
    third = speak("-", "--model", voice, "-o", outputs[2], text="标题，第一句。")
    assert [run.returncode for run in (first, second, third)] == [0, 0, 0], first.stderr + second.stderr + third.stderr
    assert "0.wav: 0:01, kokoro:zf_tiny" in first.stderr and first.stdout == ""
    assert outputs[0].read_bytes() == outputs[2].read_bytes()
    assert 0.5 < seconds(outputs[1]) < seconds(outputs[0]) + 0.5


def test_voices_are_listed(voice: Path) -> None:
    run = speak("--voices", "--model", voice)
    assert [line.split() for line in run.stdout.splitlines() if "kokoro" in line] == [
        ["kokoro:af_tiny", "en"],
        ["kokoro:zf_tiny", "zh"],
    ]


def test_mistakes_are_said_in_words(voice: Path, tmp_path: Path) -> None:
    (tmp_path / "there.wav").write_bytes(b"")
    cases = {
        "nothing to read": (),
        "can be said": ("😊",),
        "missing.md does not exist": ("missing.md",),
        "exists already": ("好", "-o", tmp_path / "there.wav", "--model", voice),
        "no voice “nobody”": ("好", "--voice", "nobody", "--model", voice, "-o", tmp_path / "new.wav"),
        "no Kokoro model": ("好", "--model", tmp_path, "-o", tmp_path / "new.wav"),
    }
    for words, arguments in cases.items():
        run = speak(*arguments)
        assert run.returncode == 2 and words in run.stderr and "Traceback" not in run.stderr, (words, run.stderr)
    assert not (tmp_path / "new.wav").exists()
