"""Which files of a folder are the checkpoint: the folders that downloads, trainers and people leave behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from tests.convert.checkpoint.building import safetensors, torch_zip


def tensors(*names: str) -> dict[str, Any]:
    return {name: np.full((2, 2), index, np.float32) for index, name in enumerate(names)}


def put(folder: Path, name: str, *names: str) -> Path:
    """A sound weights file with tensors of these names, in the format that its suffix says."""
    path = folder / name
    path.write_bytes((safetensors if name.endswith(".safetensors") else torch_zip)(tensors(*names)))
    return path


def put_index(folder: Path, name: str, weight_map: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}), encoding="utf-8")
    return path


def opened(path: Path) -> tuple[list[str], list[str], list[str]]:
    """The tensors, the files read and the files left unused."""
    with open_checkpoint(path) as checkpoint:
        for tensor in checkpoint.tensors.values():
            assert tensor.file in checkpoint.files
        names = [[file.name for file in files] for files in (checkpoint.files, checkpoint.unused_files)]
        return sorted(checkpoint.tensors), names[0], names[1]


def refusal(path: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        open_checkpoint(path)
    return caught.value


@pytest.mark.parametrize(
    "name", ["model.safetensors", "any name.safetensors", "pytorch_model.bin", "bloom-4bit.pt", "x.pth"]
)
def test_one_file_of_any_name(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, "a", "b")
    assert opened(tmp_path) == (["a", "b"], [name], [])
    assert opened(path) == (["a", "b"], [name], [])


def test_the_format_is_told_by_the_contents(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(safetensors(tensors("a")))
    (tmp_path / "no suffix at all").write_bytes(torch_zip(tensors("b")))
    assert opened(tmp_path / "model.bin")[0] == ["a"]
    assert opened(tmp_path / "no suffix at all")[0] == ["b"]


def test_safetensors_win_over_the_same_weights_in_pytorch_format(tmp_path: Path) -> None:
    put(tmp_path, "pytorch_model.bin", "a")
    put(tmp_path, "model.safetensors", "a")
    assert opened(tmp_path) == (["a"], ["model.safetensors"], ["pytorch_model.bin"])


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_an_index(tmp_path: Path, suffix: str) -> None:
    one, two = f"m-00001-of-00002{suffix}", f"m-00002-of-00002{suffix}"
    put(tmp_path, one, "a", "b")
    put(tmp_path, two, "c")
    put(tmp_path, f"other{suffix}", "a")
    index = put_index(tmp_path, f"m{suffix}.index.json", {"a": one, "b": one, "c": two})
    assert opened(tmp_path) == (["a", "b", "c"], [one, two], [f"other{suffix}"])
    for path in (index, tmp_path / one, tmp_path / two):
        assert opened(path) == (["a", "b", "c"], [one, two], [])


def test_numbered_shards_without_an_index(tmp_path: Path) -> None:
    names = [f"weights-{number}-of-3.pt" for number in (1, 2, 3)]
    for name, tensor in zip(names, "abc", strict=True):
        put(tmp_path, name, tensor)
    put(tmp_path, "consolidated.00.pth", "a")
    assert opened(tmp_path) == (["a", "b", "c"], names, ["consolidated.00.pth"])
    assert opened(tmp_path / names[1]) == (["a", "b", "c"], names, [])


def test_shards_of_any_name_without_an_index(tmp_path: Path) -> None:
    put(tmp_path, "embeddings.safetensors", "a")
    put(tmp_path, "layers.safetensors", "b", "c")
    assert opened(tmp_path) == (["a", "b", "c"], ["embeddings.safetensors", "layers.safetensors"], [])


def test_a_missing_shard(tmp_path: Path) -> None:
    one = put(tmp_path, "m-00001-of-00003.safetensors", "a")
    for path in (tmp_path, one):
        error = refusal(path)
        assert error.kind == "missing_shard"
        assert "m-00002-of-00003.safetensors, m-00003-of-00003.safetensors" in error.message
    weight_map = {"a": one.name, "b": "m-00002-of-00003.safetensors"}
    index = put_index(tmp_path, "model.safetensors.index.json", weight_map)
    for path in (tmp_path, index):
        error = refusal(path)
        assert (error.kind, error.details["missing"]) == ("missing_shard", ["m-00002-of-00003.safetensors"])


def test_an_index_without_any_shard_is_a_leftover_where_other_weights_are(tmp_path: Path) -> None:
    index = put_index(tmp_path, "model.safetensors.index.json", {"a": "model-00001-of-00001.safetensors"})
    for path in (tmp_path, index, tmp_path / "model-00001-of-00001.safetensors"):
        error = refusal(path)
        assert error.kind == "missing_shard"
        assert "model-00001-of-00001.safetensors" in error.message
    put(tmp_path, "pytorch_model.bin", "a")
    assert opened(tmp_path)[1] == ["pytorch_model.bin"]


def test_an_index_is_checked_both_ways(tmp_path: Path) -> None:
    put(tmp_path, "m.safetensors", "a", "b")
    put_index(tmp_path, "m.safetensors.index.json", {"a": "m.safetensors", "b": "m.safetensors", "c": "m.safetensors"})
    error = refusal(tmp_path)
    assert (error.kind, error.details["tensors"]) == ("index_mismatch", ["c"])
    assert "in the index, but not in the file: c" in error.message
    put_index(tmp_path, "m.safetensors.index.json", {"a": "m.safetensors"})
    error = refusal(tmp_path)
    assert (error.kind, error.details["tensors"]) == ("index_mismatch", ["b"])
    assert "m.safetensors.index.json: not in the index: b" in error.message


def test_a_tensor_in_the_wrong_shard(tmp_path: Path) -> None:
    put(tmp_path, "1.safetensors", "a")
    put(tmp_path, "2.safetensors", "b")
    put_index(tmp_path, "m.safetensors.index.json", {"a": "2.safetensors", "b": "1.safetensors"})
    assert refusal(tmp_path).kind == "index_mismatch"


def test_a_tensor_in_two_files(tmp_path: Path) -> None:
    put(tmp_path, "bloom7b-4bit-128g.pt", "a", "b")
    put(tmp_path, "bloom7b-8bit-128g.pt", "a", "b")
    error = refusal(tmp_path)
    assert (error.kind, error.details["tensor"]) == ("duplicate_tensor", "a")
    assert "bloom7b-4bit-128g.pt and bloom7b-8bit-128g.pt" in error.message


def test_two_sets_of_shards_and_two_indexes(tmp_path: Path) -> None:
    for stem in ("fp16", "fp32"):
        put(tmp_path, f"{stem}-1-of-1.safetensors", "a")
    assert refusal(tmp_path).kind == "ambiguous_checkpoint"
    for stem in ("fp16", "fp32"):
        put_index(tmp_path, f"{stem}.safetensors.index.json", {"a": f"{stem}-1-of-1.safetensors"})
    error = refusal(tmp_path)
    assert error.kind == "ambiguous_checkpoint"
    assert "fp16.safetensors.index.json, fp32.safetensors.index.json" in error.message
    put_index(tmp_path, "model.safetensors.index.json", {"a": "fp32-1-of-1.safetensors"})
    assert opened(tmp_path)[1] == ["fp32-1-of-1.safetensors"]


def test_what_trainers_leave_is_no_weights(tmp_path: Path) -> None:
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state_0.pth", "scaler.pt"):
        (tmp_path / name).write_bytes(b"\x80\x02cos\nsystem\n.")
    assert refusal(tmp_path).kind == "no_weights"
    put(tmp_path, "adapter_model.safetensors", "lora")
    assert opened(tmp_path)[0] == ["lora"]
    put(tmp_path, "my weights.safetensors", "a")
    assert opened(tmp_path) == (["a"], ["my weights.safetensors"], ["adapter_model.safetensors"])


def test_files_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "weights.bin", "a")
    (tmp_path / "vocab.bin").write_bytes(b"some other format")
    assert opened(tmp_path) == (["a"], ["weights.bin"], ["vocab.bin"])


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, ".weights.safetensors", "a")
    assert refusal(tmp_path).kind == "no_weights"


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-500").mkdir()
    error = refusal(tmp_path)
    assert error.kind == "no_weights"
    for wanted in ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.index.json"):
        assert wanted in error.message
    put(tmp_path / "checkpoint-500", "model.safetensors", "a")
    assert "checkpoint-500" in refusal(tmp_path).advice


OTHER_FILES = {
    "is_gguf": b"GGUF\x03\x00\x00\x00" + bytes(100),
    "lfs_pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "empty_file": b"",
    "unknown_format": b"<!DOCTYPE html><html>404</html>" + bytes(300),
    "unsupported_format": b"\x89HDF\r\n\x1a\n" + bytes(300),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_other_formats_are_refused_for_what_they_are(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / name).write_bytes(OTHER_FILES[kind])
    for path in (tmp_path, tmp_path / name):
        error = refusal(path)
        assert error.kind == kind
        assert name in error.message
        assert error.advice


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"tjgg" + bytes(100), "GGML"),
        (bytes(257) + b"ustar\x0000" + bytes(300), "tar"),
        (b"\x80\x02}q\x00.", "bare pickle"),
    ],
)
def test_old_formats_are_refused_with_advice(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "old.bin").write_bytes(content)
    error = refusal(tmp_path / "old.bin")
    assert error.kind == "unsupported_format"
    assert word in error.message


def test_a_folder_of_a_gguf_or_of_encrypted_files(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(OTHER_FILES["is_gguf"])
    assert refusal(tmp_path).kind == refusal(tmp_path / "model.gguf").kind == "is_gguf"
    encrypted = tmp_path / f"pytorch_model.bin.{'0' * 64}.enc"
    encrypted.write_bytes(bytes(100))
    for path in (tmp_path, encrypted):
        error = refusal(path)
        assert error.kind == "encrypted"
        assert "consolidated.00.pth" in error.advice


def test_what_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.bin").kind == "missing_file"
    os.mkfifo(tmp_path / "pipe.bin")
    assert refusal(tmp_path / "pipe.bin").kind == "unreadable"
    (tmp_path / "dangling.bin").symlink_to(tmp_path / "nowhere.bin")
    assert refusal(tmp_path / "dangling.bin").kind == "dangling_link"
    assert "nowhere.bin" in refusal(tmp_path / "dangling.bin").message


@pytest.mark.parametrize("name", ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"])
def test_weights_that_are_links_to_nothing_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("../../blobs/0123abc")
    error = refusal(tmp_path)
    assert error.kind == "dangling_link"
    assert f"{name} (to ../../blobs/0123abc)" in error.message
    assert "download the model again" in error.advice


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "generation_config.json"])
def test_a_small_file_that_is_a_link_to_nothing_is_not_taken_for_missing(tmp_path: Path, name: str) -> None:
    put(tmp_path, "model.safetensors", "a")
    (tmp_path / name).symlink_to("../../blobs/0123abc")
    error = refusal(tmp_path)
    assert error.kind == "dangling_link"
    assert f"{name} is a link to ../../blobs/0123abc" in error.message


def test_a_shard_that_is_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    put(tmp_path, "m-00001-of-00002.safetensors", "a")
    (tmp_path / "m-00002-of-00002.safetensors").symlink_to("../../blobs/0123abc")
    error = refusal(tmp_path)
    assert error.kind == "missing_shard"
    assert "m-00002-of-00002.safetensors is a link to ../../blobs/0123abc" in error.message


@pytest.mark.parametrize("shards", [[], ["m-00001-of-00002.safetensors"]])
def test_an_index_beside_whole_weights_that_is_about_other_files_is_a_leftover(
    tmp_path: Path, shards: list[str]
) -> None:
    """transformers takes the single file, too."""
    put(tmp_path, "model.safetensors", "a", "b")
    names = ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]
    put_index(tmp_path, "model.safetensors.index.json", dict(zip("ab", names, strict=True)))
    for name in shards:
        put(tmp_path, name, "a")
    assert opened(tmp_path) == (["a", "b"], ["model.safetensors"], shards)


def test_an_index_about_other_shards_is_a_leftover_where_a_whole_set_is(tmp_path: Path) -> None:
    put_index(tmp_path, "model.safetensors.index.json", {"a": "model-00001-of-00009.safetensors"})
    put(tmp_path, "model-00001-of-00002.safetensors", "a")
    put(tmp_path, "model-00002-of-00002.safetensors", "b")
    assert opened(tmp_path)[0] == ["a", "b"]


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_a_small_file_stands_for_its_folder(tmp_path: Path, name: str) -> None:
    put(tmp_path, "model.safetensors", "a")
    (tmp_path / name).write_text("{}")
    assert opened(tmp_path / name)[1] == ["model.safetensors"]


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '{"a": ' + "1" * 600 + "}"])
def test_other_json_files_are_told_from_damaged_weights(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    error = refusal(tmp_path / "results.json")
    assert error.kind == "unsupported_format"
    assert "JSON" in error.message


def test_links_into_a_download_cache_are_followed(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    blob = put(tmp_path / "blobs", "0123abc.safetensors", "a")
    (tmp_path / "snapshot" / "model.safetensors").symlink_to(blob)
    assert opened(tmp_path / "snapshot")[1] == ["model.safetensors"]


BROKEN_INDEXES = [
    "",
    "[]",
    "{",
    "{}",
    '{"weight_map": []}',
    '{"weight_map": {}}',
    '{"weight_map": {"a": 1}}',
    '{"weight_map": {"a": ""}}',
    '{"weight_map": {"a": "."}}',
    '{"weight_map": {"a": ".."}}',
    '{"weight_map": {"a": "../model.safetensors"}}',
    '{"weight_map": {"a": "/etc/passwd"}}',
    '{"weight_map": {"a": "x\\u0000y"}}',
    '{"weight_map": {"a": "' + "x" * 5000 + '"}}',
    '{"weight_map": ' + "[" * 100_000,
]


@pytest.mark.parametrize("content", BROKEN_INDEXES, ids=lambda content: content[:40])
def test_a_broken_index(tmp_path: Path, content: str) -> None:
    put(tmp_path, "model.safetensors", "a")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(content, encoding="utf-8")
    for path in (tmp_path, index):
        error = refusal(path)
        assert error.kind == "bad_index"
        assert index.name in error.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(weight_map=st.dictionaries(st.sampled_from(["a", "b", "c"]), json_values | st.just("m.safetensors")))
def test_any_index_is_right_or_refused(tmp_path_factory: pytest.TempPathFactory, weight_map: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("index")
    put(folder, "m.safetensors", "a", "b")
    index = put_index(folder, "model.safetensors.index.json", weight_map)
    try:
        assert opened(index)[0] == ["a", "b"]
    except KnownError:
        assert weight_map != dict.fromkeys("ab", "m.safetensors")
    else:
        assert weight_map == dict.fromkeys("ab", "m.safetensors")
