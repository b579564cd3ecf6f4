"""A checkpoint as a whole: config, tokenizer files, hashes, threads, closing."""

from __future__ import annotations

import gc
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from tests.convert.checkpoint.building import arrays, safetensors, torch_zip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(safetensors(arrays()))
    return tmp_path


def test_config_and_tokenizer_are_found_beside_the_weights(folder: Path) -> None:
    (folder / "config.json").write_text('\ufeff{"model_type": "llama"}', encoding="utf-8")
    for name in ("tokenizer.json", "added_tokens.json", "README.md"):
        (folder / name).write_text("{}", encoding="utf-8")
    for path in (folder, folder / "model.safetensors"):
        with open_checkpoint(path) as checkpoint:
            assert checkpoint.folder == folder
            assert checkpoint.config == {"model_type": "llama"}
            assert checkpoint.tokenizer_files == {
                "tokenizer.json": folder / "tokenizer.json",
                "added_tokens.json": folder / "added_tokens.json",
            }


def test_no_config_is_an_empty_one(folder: Path) -> None:
    with open_checkpoint(folder) as checkpoint:
        assert (checkpoint.config, checkpoint.tokenizer_files) == ({}, {})


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 100_000, b" " * (5 << 20)])
def test_a_broken_config(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(KnownError, match=r"config\.json") as caught:
        open_checkpoint(folder)
    assert caught.value.kind == "bad_config"


def test_sha256_of_every_input(folder: Path) -> None:
    (folder / "more.safetensors").write_bytes(safetensors({"x": np.zeros(3_000_000, np.float32)}))
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text(json.dumps({"name": name}), encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(torch_zip(arrays()))
    counts: list[int] = []
    with open_checkpoint(folder) as checkpoint:
        digests = checkpoint.sha256(threads=2, progress=counts.append)
    names = ["config.json", "more.safetensors", "part.safetensors", "tokenizer.json"]
    assert digests == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names} | {
        name: digests[name] for name in digests if name not in names
    }
    assert sorted(digests) == names
    assert sum(counts) == sum((folder / name).stat().st_size for name in names)


def test_sha256_of_a_file_that_is_gone(folder: Path) -> None:
    with open_checkpoint(folder) as checkpoint:
        (folder / "model.safetensors").unlink()
        with pytest.raises(KnownError) as caught:
            checkpoint.sha256()
    assert caught.value.kind == "missing_file"


def test_rows_are_read_from_many_threads(folder: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((400, 333), np.float32)
    (folder / "model.safetensors").write_bytes(safetensors({"w": weights}))
    with open_checkpoint(folder) as checkpoint, ThreadPoolExecutor(8) as pool:
        tensor = checkpoint.tensors["w"]
        rows = pool.map(lambda start: tensor.rows(start, start + 4), range(0, 400, 4))
        assert np.array_equal(np.concatenate(list(rows)), weights)


def test_arrays_outlive_the_checkpoint_and_rows_do_not(folder: Path) -> None:
    with open_checkpoint(folder) as checkpoint:
        tensor = checkpoint.tensors["g_idx"]
        array = tensor.array()
    assert array.tolist() == list(range(9))
    with pytest.raises(ValueError, match="closed"):
        tensor.raw_rows(0, 1)


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_no_file_stays_open(folder: Path) -> None:
    gc.collect()
    before = open_descriptors()
    open_checkpoint(folder).close()
    assert open_descriptors() == before
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    (folder / "b.safetensors").write_bytes(safetensors(arrays())[:-3])
    with pytest.raises(KnownError):
        open_checkpoint(folder)
    assert open_descriptors() == before
