from __future__ import annotations

import os
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import gguf
import pytest
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.gguf.constants import FILE_TYPES, TENSOR_TYPES
from belle.gguf.reader import read_header
from tests.belle.engine import tiny_gguf

KINDS = {
    "empty_file", "not_gguf", "old_version", "future_version", "truncated", "damaged", "split_part", "split_incomplete",
}  # fmt: skip
REPEATED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def error_of(path: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        read_header(path)
    assert path.name in caught.value.message
    return caught.value


def test_the_starter_model_is_described_as_the_gguf_package_sees_it(starter: Path) -> None:
    header = read_header(starter)
    reader = gguf.GGUFReader(str(starter))
    assert header.n_tensors == len(reader.tensors)
    assert header.n_params == sum(int(t.n_elements) for t in reader.tensors)
    assert header.chat_template == reader.fields["tokenizer.chat_template"].contents()
    assert (header.architecture, header.quantization, header.license) == ("llama", "Q4_1", "apache-2.0")
    assert (header.n_ctx_train, header.n_layers, header.n_embd, header.n_ff) == (8192, 30, 576, 1536)
    assert (header.n_heads, header.n_kv_heads, header.head_size, header.n_vocab) == (9, 3, 64, 49152)
    assert header.kv_elements_per_token == 30 * 3 * (64 + 64)
    assert (header.bos_id, header.eos_id) == (1, 2)
    assert header.size_bytes == starter.stat().st_size


def test_a_file_written_by_hand(file: Path) -> None:
    file.write_bytes(tiny_gguf.whole())
    header = read_header(file)
    assert (header.name, header.n_params, header.n_vocab, header.n_ctx_train) == ("Tiny", 24, 3, 128)
    assert header.metadata["tokenizer.ggml.tokens"] is None


def test_kv_heads_per_layer_are_added_up(file: Path) -> None:
    file.write_bytes(tiny_gguf.whole(entries=tiny_gguf.ENTRIES | {"llama.attention.head_count_kv": [4, 0]}))
    header = read_header(file)
    assert (header.n_kv_heads, header.kv_elements_per_token) == (4, 4 * (2 + 2))


def test_a_large_vocabulary_is_skipped_quickly(file: Path) -> None:
    words = [f"word{i}" for i in range(250_000)]
    file.write_bytes(tiny_gguf.whole(entries=tiny_gguf.ENTRIES | {"tokenizer.ggml.tokens": words}))
    start = time.process_time()
    assert read_header(file).eos_id == 2
    assert time.process_time() - start < 2.0


def test_tables_agree_with_the_gguf_package() -> None:
    assert {k: tuple(v) for k, v in TENSOR_TYPES.items()} == {int(k): (k.name, *v) for k, v in GGML_QUANT_SIZES.items()}
    assert set(TENSOR_TYPES) <= {int(k) for k in GGMLQuantizationType}
    names = {int(k): k.name.removeprefix("MOSTLY_").removeprefix("ALL_") for k in LlamaFileType if k < 1024}
    assert names == FILE_TYPES


def test_missing_folder_empty_and_forbidden(file: Path, tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.gguf").kind == "file_missing"
    assert error_of(tmp_path).kind == "is_a_folder"
    file.write_bytes(b"")
    assert error_of(file).kind == "empty_file"
    if os.geteuid() != 0:
        file.chmod(0)
        assert error_of(file).kind == "no_permission"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    assert error_of(tmp_path / "pipe.gguf").kind == "not_gguf"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"PK\x03\x04" + bytes(40), "PyTorch"),
        (b"tjgg" + bytes(40), "GGML"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (struct.pack("<Q", 99) + b'{"__metadata__":{}}', "safetensors"),
        (b"just some text, really", "does not begin"),
    ],
)
def test_other_formats_are_called_by_name(file: Path, start: bytes, words: str) -> None:
    file.write_bytes(start)
    error = error_of(file)
    assert error.kind == "not_gguf" and words in error.message


def test_versions(file: Path) -> None:
    for version, kind in ((99, "future_version"), (4, "future_version"), (1, "old_version"), (0x03000000, "damaged")):
        file.write_bytes(tiny_gguf.whole(version=version))
        assert error_of(file).kind == kind
    file.write_bytes(tiny_gguf.whole(version=2))
    assert read_header(file).version == 2


@pytest.mark.parametrize(
    "options",
    [
        {"n_tensors": 1 << 62},
        {"n_entries": 1 << 62},
        {"n_entries": 60_000},
        {"shape": (1, 1, 1, 1, 1)},
        {"shape": (1 << 40, 1 << 40)},
        {"shape": (33, 1), "kind": 2},
        {"offset": 7},
        {"entries": {"general.name": "no architecture"}},
        {"entries": tiny_gguf.ENTRIES | {"general.alignment": 48}},
        {"entries": tiny_gguf.ENTRIES | {"general.alignment": 0}},
    ],
)
def test_contradictions_are_damage(file: Path, options: dict[str, object]) -> None:
    file.write_bytes(tiny_gguf.whole(**options))
    assert error_of(file).kind in ("damaged", "truncated")


def test_impossible_lengths_are_not_believed(file: Path) -> None:
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    for body in (
        struct.pack("<Q", 1 << 60),
        tiny_gguf.string("k") + struct.pack("<IIQ", 9, 8, 1 << 60),
        tiny_gguf.string("k") + struct.pack("<IIQ", 9, 4, 1 << 60),
        tiny_gguf.string("k") + struct.pack("<IIQQ", 9, 8, 2, 1 << 60),
        tiny_gguf.string("k") + struct.pack("<IIQ", 9, 9, 1),
        tiny_gguf.string("k") + struct.pack("<I", 77),
    ):
        file.write_bytes(start + body + bytes(64))
        assert error_of(file).kind in ("damaged", "truncated")


def test_truncated_tells_the_numbers(file: Path, starter: Path) -> None:
    with starter.open("rb") as whole:
        file.write_bytes(whole.read(50_000_000))
    error = error_of(file)
    assert error.kind == "truncated"
    assert error.details["size"] == 50_000_000
    assert 98_000_000 < error.details["needed"] <= starter.stat().st_size


def test_truncation_at_every_length(file: Path) -> None:
    data = tiny_gguf.whole()
    for length in range(len(data)):
        file.write_bytes(data[:length])
        assert error_of(file).kind == ("empty_file" if length == 0 else "truncated")


@REPEATED
@given(data=st.binary(max_size=400))
def test_random_bytes_after_the_magic(file: Path, data: bytes) -> None:
    file.write_bytes(b"GGUF\x03\x00\x00\x00" + data)
    assert error_of(file).kind in KINDS


@REPEATED
@given(data=st.binary(min_size=1, max_size=200))
def test_random_bytes(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    assert error_of(file).kind in KINDS


@REPEATED
@given(position=st.integers(0, len(tiny_gguf.whole()) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_gives_a_header_or_a_known_error(file: Path, position: int, bit: int) -> None:
    data = bytearray(tiny_gguf.whole())
    data[position] ^= 1 << bit
    file.write_bytes(data)
    try:
        read_header(file)
    except KnownError as error:
        assert error.kind in KINDS


def test_split_files_are_read_as_one(tmp_path: Path) -> None:
    first, second = (tmp_path / f"m-0000{i}-of-00002.gguf" for i in (1, 2))
    first.write_bytes(tiny_gguf.whole())
    assert error_of(first).kind == "split_incomplete"
    second.write_bytes(tiny_gguf.whole(entries={"split.no": 1}))
    header = read_header(first)
    assert (header.n_parts, header.n_tensors) == (2, 2)
    assert header.size_bytes == first.stat().st_size + second.stat().st_size
    error = error_of(second)
    assert error.kind == "split_part" and first.name in error.advice
    second.write_bytes(tiny_gguf.whole()[:-1])
    with pytest.raises(KnownError, match="00002-of-00002"):
        read_header(first)


def test_many_arrays_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    many: dict[str, Any] = {f"array.{number}": list(range(1024)) for number in range(1000)}
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_gguf.whole(entries=tiny_gguf.ENTRIES | many))
    tracemalloc.start()
    try:
        found = read_header(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
    assert found.metadata["array.0"] == tuple(range(1024))
    assert found.skipped["array.999"].length == 1024


def test_texts_are_kept_up_to_a_sum(tmp_path: Path) -> None:
    long = {f"text.{number}": "x" * (8 << 20) for number in range(9)}
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_gguf.whole(entries=tiny_gguf.ENTRIES | long))
    with pytest.raises(KnownError, match="its names and texts have more than"):
        read_header(path)
