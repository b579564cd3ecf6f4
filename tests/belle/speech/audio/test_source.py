"""Recordings in other formats come through ffmpeg, which gets no network and no playlists."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.speech.audio.source import open_recording
from tests.belle.speech.audio.test_wav import encoded, wav_bytes

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.wav"
    values = 0.5 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 48_000)
    path.write_bytes(wav_bytes(encoded(values, 1, 16), rate=48_000))
    return path


def test_a_wav_file_of_another_rate_is_heard_at_16_khz(sound: Path) -> None:
    recording = open_recording(sound)
    assert recording.seconds == 0.5
    samples = np.concatenate(list(recording.blocks))
    assert len(samples) == 8000
    assert np.abs(samples[200:-200]).max() == pytest.approx(0.5, abs=1e-3)


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "m4a"])
def test_other_formats_are_read_through_ffmpeg(suffix: str, sound: Path, tmp_path: Path) -> None:
    path = tmp_path / f"-i sound.{suffix}"
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", sound, f"file:{path}"], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"this ffmpeg writes no {suffix}")
    recording = open_recording(path)
    assert recording.seconds is None or recording.seconds == pytest.approx(0.5, abs=0.2)
    assert len(np.concatenate(list(recording.blocks))) == pytest.approx(8000, abs=2500)


@needs_ffmpeg
def test_a_wav_file_in_another_coding_is_read_through_ffmpeg(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "a-law.wav"
    subprocess.run(["ffmpeg", "-v", "error", "-i", sound, "-c:a", "pcm_alaw", path], check=True)
    assert len(np.concatenate(list(open_recording(path).blocks))) == pytest.approx(8000, abs=10)


@needs_ffmpeg
@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/sound.wav\n",
        b"ffconcat version 1.0\nfile sound.wav\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"just some words",
        b"ID3\x04\0\0\0\0\0\x7f" + bytes(100),
    ],
)
def test_what_is_no_recording_is_said_and_no_playlist_is_followed(content: bytes, sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_bytes(content)
    with pytest.raises(KnownError) as caught:
        list(open_recording(path).blocks)
    assert caught.value.kind in ("bad_audio", "empty_audio")
    assert "list.m3u8" in caught.value.message


def test_without_ffmpeg_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, content, words in (
        ("speech.mp3", b"ID3\x04" + bytes(100), "is not a WAV file"),
        ("speech.wav", wav_bytes(bytes(100), tag=6, bits=8), "a WAV file with samples of 8 bits in coding 6"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KnownError) as caught:
            open_recording(tmp_path / name)
        assert (caught.value.kind, words in caught.value.message) == ("no_decoder", True)
        assert "apt install ffmpeg" in caught.value.advice
