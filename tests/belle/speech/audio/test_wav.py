"""WAV files of every kind are read; damaged ones end in words."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.speech.audio import wav
from belle.speech.audio.source import open_recording

KINDS = [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)]


def encoded(values: np.ndarray, tag: int, bits: int) -> bytes:
    """Values in -1…1 as samples, computed with other means than the reader's."""
    if tag == 3:
        return struct.pack(f"<{len(values)}{'f' if bits == 32 else 'd'}", *values)
    whole = [min(round(v * 2 ** (bits - 1)), 2 ** (bits - 1) - 1) for v in values]
    if bits == 8:
        return bytes(number + 128 for number in whole)
    return b"".join(number.to_bytes(bits // 8, "little", signed=True) for number in whole)


def wav_bytes(
    data: bytes, *, tag: int = 1, bits: int = 16, channels: int = 1, rate: int = 16000, size: int | None = None,
    before: bytes = b"", extensible: bool = False,
) -> bytes:  # fmt: skip
    frame = channels * bits // 8
    fields = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, rate * frame % 2**32, frame, bits)
    if extensible:
        fields += struct.pack("<HHIH", 22, bits, 0, tag) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fields)) + fields
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def read(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        return np.concatenate([np.zeros(0), *wav.read_blocks(file, wav.read_format(file, path), path)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sound.wav"


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(("tag", "bits"), KINDS)
def test_samples_of_every_size_have_their_value(tag: int, bits: int, extensible: bool, file: Path) -> None:
    values = np.array([0.0, 0.5, -0.5, -1.0, 0.25, 1.0])
    file.write_bytes(wav_bytes(encoded(values, tag, bits), tag=tag, bits=bits, extensible=extensible))
    assert np.abs(read(file) - values).max() <= 2.0 ** (1 - bits) + 1e-7


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_channels_become_their_mean(channels: int, file: Path) -> None:
    values = np.random.default_rng(1).uniform(-1, 1, (50_000, channels))
    file.write_bytes(wav_bytes(encoded(values.ravel(), 3, 32), tag=3, bits=32, channels=channels))
    assert np.allclose(read(file), values.mean(axis=1), atol=1e-6)


def test_chunks_before_the_samples_are_passed_over(file: Path) -> None:
    before = b"LIST" + struct.pack("<I", 5) + b"INFO!\0" + b"junk" + struct.pack("<I", 4) + b"data"
    file.write_bytes(wav_bytes(encoded(np.array([0.5, -0.5]), 1, 16), before=before))
    assert read(file).tolist() == [0.5, -0.5]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_length_that_was_not_known_means_to_the_end(size: int, file: Path) -> None:
    file.write_bytes(wav_bytes(encoded(np.full(1000, 0.5), 1, 16), size=size))
    assert len(read(file)) == 1000
    assert open_recording(file).missing_s == 0


def test_of_a_file_that_was_cut_off_what_is_there_is_read_and_the_rest_is_told(file: Path) -> None:
    file.write_bytes(wav_bytes(encoded(np.full(8000, 0.5), 1, 16), size=48_000)[:-1])
    assert len(read(file)) == 7999
    assert open_recording(file).missing_s == pytest.approx(16_001 / 16_000)


def test_the_64_bit_size_of_a_large_file_is_read(file: Path) -> None:
    data = encoded(np.full(100, 0.5), 1, 16)
    large = b"ds64" + struct.pack("<IQQQI", 28, 0, len(data), 100, 0)
    whole = wav_bytes(data, size=0xFFFFFFFF, before=large).replace(b"RIFF", b"RF64")
    file.write_bytes(whole + b"LIST" + bytes(40))
    assert len(read(file)) == 100


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (wav_bytes(b"\0\0", channels=0), "0 channels"),
        (wav_bytes(b"\0\0", channels=200, bits=8), "200 channels"),
        (wav_bytes(b"\0\0", rate=0), "sampling rate of 0 Hz"),
        (wav_bytes(b"\0\0", rate=4_000_000_000), "sampling rate of 4,000,000,000 Hz"),
        (b"RIFF\4\0\0\0WAVE", "header is incomplete"),
        (b"RIFF\4\0\0\0WAVEfmt \x04\0\0\0\1\0\1\0", "header is incomplete"),
        (b"RIFF\4\0\0\0WAVEdata\4\0\0\0\0\0\0\0", "before their format"),
        (wav_bytes(b"")[:-8], "no samples"),
        (wav_bytes(struct.pack("<2f", 0.5, float("nan")), tag=3, bits=32), "not numbers"),
        (wav_bytes(struct.pack("<2f", 0.5, float("-inf")), tag=3, bits=32), "not numbers"),
    ],
)
def test_what_is_damaged_is_said(content: bytes, words: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(KnownError) as caught:
        list(open_recording(file).blocks)
    assert caught.value.kind == "bad_audio"
    assert words in caught.value.message


@pytest.mark.parametrize("content", [b"", wav_bytes(b""), wav_bytes(b"\0", size=1)])
def test_no_samples_at_all_are_said(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(KnownError, match="0 samples"):
        open_recording(file)


@given(st.binary(max_size=200), st.integers(0, 60), st.integers(0, 255))
@example(b"", 16, 0)
def test_no_header_ends_in_anything_but_words(noise: bytes, place: int, value: int) -> None:
    content = bytearray(wav_bytes(encoded(np.full(40, 0.25), 1, 16)) + noise)
    content[place % len(content)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sound.wav")
        path.write_bytes(content)
        try:
            with path.open("rb") as opened:
                if wav.is_wav(opened.read(12)):
                    samples = [
                        s for block in wav.read_blocks(opened, wav.read_format(opened, path), path) for s in block
                    ]
                    assert all(-1 <= sample <= 1 for sample in samples)
        except (KnownError, wav.UnsupportedWavError):
            pass
