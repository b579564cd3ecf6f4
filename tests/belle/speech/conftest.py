"""Models that say what they are told, and recordings of noise that sounds like speech to a level gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belle.speech import library
from tests.belle.speech.audio.test_wav import wav_bytes
from tests.belle.speech.speaking_model import write_model


def speech_like(seconds: float) -> np.ndarray:
    """Noise whose level goes up and down, as that of syllables does."""
    n = int(seconds * 16_000)
    level = 0.1 * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(n) / 16_000)) ** 2
    return np.clip(level * np.random.default_rng(n).normal(size=n), -1, 1)


def write_recording(path: Path, *parts: float) -> Path:
    """A recording in which silence and speech take turns, beginning with silence, for so many seconds each."""
    sounds = [np.zeros(int(s * 16_000)) if n % 2 == 0 else speech_like(s) for n, s in enumerate(parts)]
    path.write_bytes(wav_bytes((np.concatenate(sounds) * 32767).astype("<i2").tobytes()))
    return path


@pytest.fixture(scope="session")
def hello_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Says “Hello world.” in every window, in the language that it is asked for."""
    if not library.is_installed():
        pytest.skip("needs pywhispercpp (the extra “voice”)")
    return write_model(tmp_path_factory.mktemp("speech") / "hello.bin", [" Hello", " world", "."])


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of speech and, after a pause, three."""
    return write_recording(tmp_path_factory.mktemp("speech") / "talk.wav", 1, 2, 4, 3, 0.5)
