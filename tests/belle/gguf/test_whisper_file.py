"""The reader of whisper.cpp's files: what it says of a sound one, and that every other ends in a sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.gguf.whisper_file import is_whisper_file, read_whisper
from tests.convert.whisper import independent_writer

WORDS = [b"a", b"", b"\xe4\xbd", b" the"]
CONFIG = {
    "vocab_size": 8,
    "max_source_positions": 4,
    "d_model": 2,
    "encoder_attention_heads": 1,
    "encoder_layers": 1,
    "max_target_positions": 3,
    "decoder_attention_heads": 2,
    "decoder_layers": 1,
    "num_mel_bins": 2,
}
N_TENSORS = 11 + 15 + 24


def sound() -> bytes:
    """A file of 2 mel bands and width 2, with as many tensors as its layers need."""
    rng = np.random.default_rng(0)
    start = independent_writer.head(CONFIG, np.ones((2, 5), np.float32), WORDS)
    shapes = [(2,), (2, 2), (2, 3, 2)]
    names = [f"decoder.layers.{number}.fc1.weight" for number in range(N_TENSORS)]
    tensors = [
        independent_writer.tensor(name, rng.standard_normal(shapes[number % 3]).astype("f4"))
        for number, name in enumerate(names)
    ]
    return start + b"".join(tensors)


SOUND = sound()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ggml.bin"
    path.write_bytes(SOUND)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples") / "m.bin"


def test_a_sound_file(file: Path) -> None:
    assert is_whisper_file(file)
    header = read_whisper(file)
    assert header.size_bytes == len(SOUND)
    assert header.sizes == (8, 4, 2, 1, 1, 3, 2, 2, 1, 2, 1)
    assert header.sizes.type == "F16"
    assert header.sizes.n_languages == 1
    assert header.n_tokens == len(WORDS)
    assert len(header.tensors) == N_TENSORS
    first, second = header.tensors[:2]
    assert (first.shape, first.type, first.n_bytes) == ((2,), 0, 8)
    assert (second.shape, second.type, second.n_bytes) == ((2, 2), 1, 8)
    assert header.tensors[-1].start + header.tensors[-1].n_bytes == len(SOUND)


@pytest.mark.parametrize(("n_vocab", "n_languages"), [(51864, 1), (51865, 99), (51866, 100)])
def test_languages_follow_from_the_vocabulary(n_vocab: int, n_languages: int, file: Path) -> None:
    file.write_bytes(SOUND[:4] + struct.pack("<i", n_vocab) + SOUND[8:])
    assert read_whisper(file).sizes.n_languages == n_languages


def test_a_file_that_is_cut_anywhere_is_incomplete(file: Path) -> None:
    for length in (*range(1, len(SOUND), 13), *range(len(SOUND) - 100, len(SOUND))):
        file.write_bytes(SOUND[:length])
        with pytest.raises(KnownError) as error:
            read_whisper(file)
        assert error.value.kind == "truncated", length


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(SOUND) - 1), value=st.binary(min_size=1, max_size=8))
def test_changed_bytes_end_in_a_header_or_in_a_sentence(at: int, value: bytes, path: Path) -> None:
    path.write_bytes(SOUND[:at] + value + SOUND[at + len(value) :])
    try:
        header = read_whisper(path)
    except KnownError as error:
        assert error.message.endswith(".")
    else:
        assert all(0 < t.start <= t.start + t.n_bytes <= header.size_bytes for t in header.tensors)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400))
def test_no_bytes_behind_the_magic_are_trusted(data: bytes, path: Path) -> None:
    path.write_bytes(b"lmgg" + data)
    with pytest.raises(KnownError):
        read_whisper(path)


def number_at(index: int, value: int) -> bytes:
    """The file with another of its eleven numbers."""
    at = 4 + 4 * index
    return SOUND[:at] + struct.pack("<I", value) + SOUND[at + 4 :]


HOSTILE = {
    "a billion tokens": (SOUND.replace(struct.pack("<i", 4) + struct.pack("<i", 1), b"\xff\xff\xff\x7f" * 2), "claims"),
    "another filter bank": (number_at(9, 80), "80 mel bands and filters for 2"),
    "old LLaMA": (b"lmgg" + struct.pack("<7i", 32000, 4096, 256, 32, 32, 128, 2) + SOUND[32:], "is not a Whisper"),
    "voice detector": (b"lmgg" + struct.pack("<i", 10) + b"silero-16k" + bytes(400), "is not a Whisper"),
    "many layers": (number_at(4, 1 << 30), "is not a Whisper"),
    "unknown type": (number_at(10, 99), "is not a Whisper"),
    "other magic": (b"GGUF" + SOUND[4:], "is not a Whisper"),
    "empty": (b"", "is empty"),
    "a tensor twice": (SOUND.replace(b"blocks.1.", b"blocks.0."), "twice"),
    "too many tensors": (SOUND + SOUND[-60:], "more than|damaged|incomplete"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_in_words(case: str, file: Path) -> None:
    data, words = HOSTILE[case]
    file.write_bytes(data)
    with pytest.raises(KnownError, match=words):
        read_whisper(file)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    for path, kind in ((tmp_path, "is_a_folder"), (tmp_path / "none.bin", "file_missing")):
        with pytest.raises(KnownError) as error:
            read_whisper(path)
        assert error.value.kind == kind
