"""`belle speak --get`, with a hub on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle import paths
from belle.cli.main import main
from belle.cli.speech.get_voice import FOLDER, REPOSITORY
from belle.speech.speaking.voices.choice import kokoro_voices
from tests.belle.speech.speaking.tiny_kokoro import write_kokoro
from tests.convert.install.loopback_hub import LoopbackHub


@pytest.fixture
def voice_hub(hub: LoopbackHub, tmp_path: Path) -> LoopbackHub:
    folder = write_kokoro(tmp_path / "published")
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    more = {"tokenizer.json": b"{}", "onnx/model_fp16.onnx": b"larger", "voices/jf_alpha.bin": b"not wanted"}
    hub.repos[REPOSITORY] = files | more
    return hub


def test_it_is_downloaded_once_and_found(voice_hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["speak", "--get"]) == 2 and not (paths.models_dir() / FOLDER).exists()
    assert "Apache-2.0" in capsys.readouterr().err
    assert main(["speak", "--get", "--yes"]) == 0
    folder = paths.models_dir() / FOLDER
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == {
        "tokenizer.json",
        "onnx/model.onnx",
        "voices/af_tiny.bin",
        "voices/zf_tiny.bin",
    }
    assert [voice.id for voice in kokoro_voices()] == ["kokoro:af_tiny", "kokoro:zf_tiny"]
    n_requests = len(voice_hub.asked("GET", "/resolve/"))
    assert main(["speak", "--get", "--yes"]) == 0
    assert len(voice_hub.asked("GET", "/resolve/")) == n_requests


def test_a_repository_without_voices_is_refused(voice_hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
    voice_hub.repos[REPOSITORY] = {"onnx/model.onnx": b"x", "tokenizer.json": b"{}"}
    assert main(["speak", "--get", "--yes"]) == 2
    assert "voices/z" in capsys.readouterr().err
