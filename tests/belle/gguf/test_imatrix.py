"""Importance matrices: both formats as llama.cpp writes them, and files that are not what they say."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.gguf.imatrix import Activations, Imatrix, read_imatrix, write_imatrix
from tests.convert.tiny_models import make_model, plan

RNG = np.random.default_rng(3)
SUMS = RNG.gamma(0.5, 100, 256).astype(np.float32)


def written_by_gguf_py(path: Path, *, counts: list[float], sums: np.ndarray = SUMS, with_metadata: bool = True) -> Path:
    """A file as llama-imatrix lays it out."""
    writer = GGUFWriter(path, "")
    if with_metadata:
        writer.add_string("general.type", "imatrix")
        writer.add_array("imatrix.datasets", ["texts.txt", "more.txt"])
        writer.add_uint32("imatrix.chunk_count", 12)
        writer.add_uint32("imatrix.chunk_size", 512)
    writer.add_tensor("blk.0.attn_v.weight.in_sum2", sums.reshape(len(counts), -1))
    writer.add_tensor("blk.0.attn_v.weight.counts", np.array(counts, np.float32).reshape(-1, 1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def dat(entries: dict[str, tuple[int, np.ndarray]], tail: bytes = b"") -> bytes:
    raw = struct.pack("<i", len(entries))
    for name, (calls, sums) in entries.items():
        raw += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", calls, sums.size)
        raw += sums.astype("<f4").tobytes()
    return raw + tail


def test_gguf_format(tmp_path: Path) -> None:
    imatrix = read_imatrix(written_by_gguf_py(tmp_path / "i.gguf", counts=[6144.0]))
    assert np.array_equal(imatrix.weights["blk.0.attn_v.weight"], SUMS / np.float32(6144))
    assert (imatrix.n_chunks, imatrix.datasets) == (12, ["texts.txt", "more.txt"])
    recorded = {entry.key: entry.value for entry in imatrix.metadata()}
    assert recorded == {
        "quantize.imatrix.file": "i.gguf",
        "quantize.imatrix.dataset": "texts.txt",
        "quantize.imatrix.entries_count": 1,
        "quantize.imatrix.chunks_count": 12,
    }


def test_an_expert_that_was_never_used_gets_equal_weights(tmp_path: Path) -> None:
    imatrix = read_imatrix(written_by_gguf_py(tmp_path / "i.gguf", counts=[64.0, 0.0]))
    weights = imatrix.weights["blk.0.attn_v.weight"]
    assert np.array_equal(weights[:128], SUMS[:128] / np.float32(64))
    assert (weights[128:] == 1).all()


def test_dat_format(tmp_path: Path) -> None:
    path = tmp_path / "i.dat"
    tail = struct.pack("<ii", 40, 9) + b"texts.txt"
    path.write_bytes(dat({"a.weight": (10, SUMS), "b.weight": (0, SUMS[:32])}, tail))
    imatrix = read_imatrix(path)
    assert np.array_equal(imatrix.weights["a.weight"], SUMS / np.float32(10))
    assert np.array_equal(imatrix.weights["b.weight"], SUMS[:32])
    assert (imatrix.n_chunks, imatrix.datasets) == (40, ["texts.txt"])
    path.write_bytes(dat({"a.weight": (10, SUMS)}))
    assert (read_imatrix(path).n_chunks, read_imatrix(path).datasets) == (0, [])


def test_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "i.gguf"
    activations = {
        "blk.1.ffn_up.weight": Activations(SUMS, np.array([7], np.float32)),
        "blk.0.ffn_up.weight": Activations(SUMS.reshape(2, 128), np.array([7, 9], np.float32)),
    }
    write_imatrix(path, activations, datasets=["中文.txt"], n_chunks=3, chunk_size=512)
    imatrix = read_imatrix(path)
    assert np.array_equal(imatrix.weights["blk.1.ffn_up.weight"], SUMS / np.float32(7))
    assert np.array_equal(imatrix.weights["blk.0.ffn_up.weight"][128:], SUMS[128:] / np.float32(9))
    assert (imatrix.n_chunks, imatrix.datasets) == (3, ["中文.txt"])
    theirs = GGUFReader(path)
    assert theirs.fields["general.type"].contents() == "imatrix"
    assert [t.name for t in theirs.tensors] == [
        f"blk.{i}.ffn_up.weight.{part}" for i in (0, 1) for part in ("in_sum2", "counts")
    ]
    assert theirs.tensors[0].shape.tolist() == [128, 2]
    assert theirs.tensors[1].shape.tolist() == [1, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(bad: float, tmp_path: Path) -> None:
    sums = SUMS.copy()
    sums[3] = bad
    for path in (
        written_by_gguf_py(tmp_path / "i.gguf", counts=[1.0], sums=sums),
        tmp_path / "i.dat",
    ):
        if path.suffix == ".dat":
            path.write_bytes(dat({"a.weight": (1, sums)}))
        with pytest.raises(KnownError, match="not a finite number"):
            read_imatrix(path)


def test_a_model_is_no_imatrix(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="no imatrix metadata"):
        read_imatrix(written_by_gguf_py(tmp_path / "m.gguf", counts=[1.0], with_metadata=False))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="cannot be read"):
        read_imatrix(tmp_path / "none.gguf")


def test_one_for_another_model_is_refused() -> None:
    wrong = Imatrix({"blk.0.attn_v.weight": np.ones(128, np.float32)})
    with pytest.raises(KnownError) as failure:
        plan(make_model(layers=2), "q4_k_m", imatrix=wrong)
    assert failure.value.kind == "imatrix_mismatch"
    plan(make_model(layers=2), "q4_k_m", imatrix=Imatrix({"token_embd.weight": np.ones(128, np.float32)}))


GOOD_DAT = dat({"a.weight": (10, SUMS[:8]), "b": (1, SUMS[:2])}, struct.pack("<ii", 40, 3) + b"abc")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.builds(lambda n: GOOD_DAT[:n], st.integers(0, len(GOOD_DAT))))
def test_damaged_dat_files(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.dat"
    path.write_bytes(raw)
    try:
        read_imatrix(path)
    except KnownError as error:
        assert path.name in error.message


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    cut=st.none() | st.integers(0, 2000),
    changes=st.lists(st.tuples(st.integers(0, 700), st.sampled_from([0, 1, 8, 9, 64, 127, 255])), max_size=4),
)
def test_damaged_gguf_files(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, cut: int | None, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.gguf"
    if not (good := tmp_path_factory.getbasetemp() / "good.gguf").exists():
        written_by_gguf_py(good, counts=[10.0])
    raw = bytearray(good.read_bytes())
    for at, value in changes:
        raw[at] = value
    path.write_bytes(raw[:cut])
    try:
        read_imatrix(path)
    except KnownError as error:
        assert path.name in error.message


@pytest.mark.parametrize("start", [b"", b"GGUF"], ids=["dat", "gguf"])
@pytest.mark.parametrize("size", [1 << 30, 5 << 30], ids=["1 GB", "5 GB"])
def test_a_sparse_file_is_refused_without_being_read(tmp_path: Path, start: bytes, size: int) -> None:
    path = tmp_path / "huge.imatrix"
    path.write_bytes(start)
    os.truncate(path, size)
    tracemalloc.start()
    try:
        with pytest.raises(KnownError):
            read_imatrix(path)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
