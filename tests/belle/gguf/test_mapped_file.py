"""A GGUF as its contents: everything that is written comes back, and files of strangers end in words."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as GGMLType
from gguf.constants import GGUFValueType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.gguf import cursor
from belle.gguf.mapped_file import GgufFile
from belle.gguf.reader import read_header
from belle.gguf.writer import KeyValue, TensorInfo, serialize
from tests.belle.engine import tiny_gguf

ENTRIES = [
    KeyValue("general.architecture", "llama", GGUFValueType.STRING),
    KeyValue("tokenizer.ggml.tokens", ["a", "好", "", "\udcff\udcfe not UTF-8"], GGUFValueType.STRING),
    KeyValue("tokenizer.ggml.scores", [i / 2 for i in range(5000)], GGUFValueType.FLOAT32),
    KeyValue("tokenizer.ggml.token_type", [], GGUFValueType.INT32),
    KeyValue("a.flag", True, GGUFValueType.BOOL),
    KeyValue("a.large", 2**63, GGUFValueType.UINT64),
    KeyValue("a.negative", -5, GGUFValueType.INT8),
    KeyValue("a.text", "\udc80", GGUFValueType.STRING),
]
TENSORS = [TensorInfo("one", (2, 3), GGMLType.F32, 0), TensorInfo("two", (1, 32), GGMLType.Q8_0, 32)]
DATA = np.arange(6, dtype="<f4").tobytes() + bytes(8) + bytes(range(34))
REPEATED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
KINDS = {"empty_file", "not_gguf", "old_version", "future_version", "truncated", "damaged"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(serialize(ENTRIES, TENSORS) + DATA)
    return path


def test_what_was_read_is_written_again_byte_by_byte(path: Path) -> None:
    file = GgufFile(path)
    assert serialize(file.entries, TENSORS) + DATA == path.read_bytes()
    assert file.metadata["a.large"] == 2**63 and file.metadata["tokenizer.ggml.tokens"][1] == "好"


def test_the_writer_and_the_reader_that_verifies_share_no_code_of_the_format() -> None:
    """A mistake in what both used would be proved right by itself."""

    def modules(name: str) -> set[str]:
        program = f"import sys, belle.gguf.{name}; print(*(m for m in sys.modules if m.startswith('belle.gguf.')))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert modules("reader") & modules("writer") == set()


def test_tensors_are_views_of_the_file(path: Path) -> None:
    file = GgufFile(path)
    assert [(t.name, t.shape, t.type) for t in file.tensors.values()] == [(t.name, t.shape, t.type) for t in TENSORS]
    assert file.data("one").view("<f4").tolist() == [0, 1, 2, 3, 4, 5]
    assert file.data("two").tolist() == list(range(34))


def test_both_readings_of_a_file_see_the_same_table(starter: Path) -> None:
    file, header = GgufFile(starter), read_header(starter)
    table = [(t.name, t.shape, t.type, t.start, t.n_bytes) for t in header.tensors]
    assert [(t.name, t.shape, t.type, t.start, t.n_bytes) for t in file.tensors.values()] == table
    assert len(file.metadata["tokenizer.ggml.tokens"]) == header.n_vocab


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (TensorInfo("one", (2, 3), 999, 0), "unknown type 999"),  # type: ignore[arg-type]
        (TensorInfo("one", (), GGMLType.F32, 0), "is empty"),
        (TensorInfo("one", (0, 4), GGMLType.F32, 0), "is empty"),
        (TensorInfo("one", (1, 2, 1, 1, 3), GGMLType.F32, 0), "5 dimensions"),
        (TensorInfo("one", (1, 31), GGMLType.Q8_0, 0), "not whole blocks"),
        (TensorInfo("one", (1 << 22, 1 << 20), GGMLType.F32, 0), "incomplete"),
        (TensorInfo("one", (2, 3), GGMLType.F32, 1 << 40), "incomplete"),
    ],
)
def test_a_tensor_that_cannot_be_is_said(path: Path, tensor: TensorInfo, words: str) -> None:
    path.write_bytes(serialize(ENTRIES, [tensor]) + DATA)
    with pytest.raises(KnownError, match=words):
        GgufFile(path)


def test_no_more_values_are_taken_in_than_a_vocabulary_has(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor, "_MAX_NUMBERS", 4999)
    with pytest.raises(KnownError, match="more than 4,999 numbers"):
        GgufFile(path)
    monkeypatch.undo()
    monkeypatch.setattr(cursor, "_MAX_STRINGS", 3)
    with pytest.raises(KnownError, match="claims 4 entries"):
        GgufFile(path)


def test_a_length_is_believed_only_after_its_bytes_are_there(path: Path) -> None:
    key = struct.pack("<Q", 1) + b"k"
    for kind, width in ((GGUFValueType.STRING, 8), (GGUFValueType.FLOAT64, 8)):
        array = key + struct.pack("<IIQ", GGUFValueType.ARRAY, kind, 4_000_000) + bytes(4 * width)
        path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + array)
        with pytest.raises(KnownError) as caught:
            GgufFile(path)
        assert caught.value.kind == "truncated"


def test_truncation_at_every_length_of_the_whole_file(path: Path) -> None:
    whole = tiny_gguf.whole()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(KnownError) as caught:
            GgufFile(path)
        assert caught.value.kind in ("empty_file", "truncated")


@REPEATED
@given(position=st.integers(0, len(tiny_gguf.whole()) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_gives_contents_or_a_known_error(path: Path, position: int, bit: int) -> None:
    data = bytearray(tiny_gguf.whole())
    data[position] ^= 1 << bit
    path.write_bytes(data)
    try:
        file = GgufFile(path)
    except KnownError as error:
        assert error.kind in KINDS
    else:
        assert all(file.data(name).size == tensor.n_bytes for name, tensor in file.tensors.items())
