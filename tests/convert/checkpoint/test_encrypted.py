"""BELLE's encrypted files: right bytes for any length of the key, errors that name the cause, and no file left."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from convert.checkpoint.encrypted import CHUNK_BYTES, ORIGINAL_KEY_BYTES, decrypt_file, decrypt_folder, plain_name
from tests.convert.checkpoint.building import (
    TorchTensor,
    ZipItem,
    arrays,
    program,
    safetensors,
    state_dict,
    torch_legacy,
    torch_zip,
    torch_zip_items,
    zip_file,
)
from tests.convert.checkpoint.encrypting import encrypt, encrypted_file

HEX = "0123456789abcdef" * 4


def noise(n_bytes: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(n_bytes)


def key_of(n_values: int, seed: int = 7) -> bytes:
    return torch_zip({"tok_embeddings.weight": np.random.default_rng(seed).standard_normal(n_values, np.float32)})


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "consolidated.00.pth"
    path.write_bytes(key_of(5000))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "plain"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(source: Path, key: Path, out: Path) -> KnownError:
    before = sorted(out.iterdir()) if out.is_dir() else []
    with pytest.raises(KnownError) as caught:
        decrypt_file(source, key, out)
    assert (sorted(out.iterdir()) if out.is_dir() else []) == before
    return caught.value


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("config.json.HEX.enc", "config.json"),
        ("pytorch_model-00001-of-00002.bin.HEX.enc", "pytorch_model-00001-of-00002.bin"),
        ("tokenizer.model.enc", "tokenizer.model"),
        ("odd.0123.enc", "odd.0123"),
    ],
)
def test_the_plain_name(name: str, plain: str) -> None:
    assert plain_name(Path("folder") / name.replace("HEX", HEX)) == plain


@settings(max_examples=40, deadline=None)
@given(plain=st.binary(min_size=1, max_size=3000))
def test_small_files(tmp_path_factory: pytest.TempPathFactory, plain: bytes) -> None:
    folder = tmp_path_factory.mktemp("small")
    key = folder / "key.pth"
    key.write_bytes(key_of(10))
    source = encrypted_file(folder, "tokenizer.model", plain, key.read_bytes())
    assert decrypt_file(source, key, folder / "out").read_bytes() == plain


@pytest.mark.parametrize("key_length", [CHUNK_BYTES + 12_345, CHUNK_BYTES * 2, CHUNK_BYTES - 1, 3 * CHUNK_BYTES + 1])
def test_files_longer_than_the_key(tmp_path: Path, out: Path, key_length: int) -> None:
    """The key's short last chunk is repeated inside its chunk of data before the key starts again."""
    # Cut off at any length, it no longer is a PyTorch file inside; its beginning still is one.
    key = tmp_path / "key.pth"
    key.write_bytes(torch_zip({"w": np.zeros(1, np.float32)})[:100] + noise(key_length - 100))
    plain = noise(5 * CHUNK_BYTES + 777, seed=3)
    source = encrypted_file(tmp_path, "weights", plain, key.read_bytes())
    seen: list[tuple[int, int]] = []
    result = decrypt_file(source, key, out, lambda done, total: seen.append((done, total)))
    assert result == out / "weights"
    assert result.read_bytes() == plain
    assert seen == [(min(n * CHUNK_BYTES, len(plain)), len(plain)) for n in range(1, 7)]
    assert names_in(out) == ["weights"]


@pytest.mark.parametrize("build", [torch_zip, torch_legacy])
def test_pytorch_files_can_be_opened_afterwards(tmp_path: Path, key: Path, out: Path, build) -> None:
    source = encrypted_file(tmp_path, "pytorch_model.bin", build(arrays()), key.read_bytes())
    with open_checkpoint(decrypt_file(source, key, out)) as checkpoint:
        assert sorted(checkpoint.tensors) == sorted(arrays())


def torch_zip_named(archive: str) -> bytes:
    """As torch.save names the inner folder after the file."""
    items = torch_zip_items(program(state_dict({"w": TorchTensor()})), {"0": noise(24)})
    return zip_file([ZipItem(item.name.replace("archive", archive), item.data) for item in items])


@pytest.mark.parametrize("other", ["archive", "model", "pytorch_model-00001-of-00033", "consolidated.00"])
def test_a_wrong_key_is_noticed_at_the_beginning_of_a_pytorch_file(tmp_path: Path, out: Path, other: str) -> None:
    """Before anything is written. The other key is a PyTorch file too, so its first bytes alone would do."""
    right = torch_zip_named("consolidated")
    source = encrypted_file(tmp_path, "pytorch_model.bin", torch_zip_named("pytorch_model"), right)
    wrong = tmp_path / "hf.bin"
    wrong.write_bytes(torch_zip_named(other))
    error = refusal(source, wrong, out)
    assert error.kind == "wrong_key"
    assert "hf.bin is not the key to pytorch_model.bin." in error.message
    assert "LLaMA-1 7B" in error.advice
    assert "13,476,939,516 bytes" in error.advice
    assert not out.exists()


def test_a_wrong_key_much_like_the_right_one_is_noticed_at_the_end(tmp_path: Path, key: Path, out: Path) -> None:
    """As Llama 2's consolidated.00.pth is: the beginning comes out right."""
    source = encrypted_file(tmp_path, "pytorch_model.bin", torch_zip(arrays()), key.read_bytes())
    key.write_bytes(key_of(5000, seed=8))
    assert refusal(source, key, out).kind == "does_not_decrypt"
    assert not out.exists()


def test_a_wrong_key_is_noticed_by_the_digest(tmp_path: Path, key: Path, out: Path) -> None:
    source = encrypted_file(tmp_path, "tokenizer.model", noise(10_000), key.read_bytes())
    key.write_bytes(key_of(5000, seed=8))
    error = refusal(source, key, out)
    assert error.kind == "does_not_decrypt"
    assert "the key is wrong" in error.message
    assert "13,476,939,516 bytes" in error.advice


def test_a_key_of_the_right_size_is_not_blamed_for_its_size(tmp_path: Path, key: Path, out: Path) -> None:
    source = encrypted_file(tmp_path, "config.json", b"{}", key.read_bytes())
    source.write_bytes(source.read_bytes()[:-1])
    with key.open("r+b") as stream:
        stream.truncate(ORIGINAL_KEY_BYTES)  # a hole, not 13 GB
    error = refusal(source, key, out)
    assert error.kind == "does_not_decrypt"
    assert "bytes" not in error.advice


@pytest.mark.parametrize(
    "content",
    [b"", b"a text", b"GGUF" + bytes(100), b"version https://git-lfs.github.com/spec/v1\n", safetensors(arrays())[:5]],
)
def test_a_key_that_is_no_pytorch_file(tmp_path: Path, key: Path, out: Path, content: bytes) -> None:
    source = encrypted_file(tmp_path, "config.json", b"{}", key.read_bytes())
    key.write_bytes(content)
    assert refusal(source, key, out).kind == "wrong_key"


def test_a_missing_key(tmp_path: Path, key: Path, out: Path) -> None:
    source = encrypted_file(tmp_path, "config.json", b"{}", key.read_bytes())
    key.unlink()
    assert refusal(source, key, out).kind == "missing_file"


def test_an_incomplete_download_is_noticed_at_its_end(tmp_path: Path, key: Path, out: Path) -> None:
    large = torch_zip({"w": np.zeros(3_000_000, np.float32)})
    source = encrypted_file(tmp_path, "pytorch_model.bin", large, key.read_bytes())
    complete = source.read_bytes()
    for length in (len(complete) - 1, len(complete) - 30, CHUNK_BYTES + 32, CHUNK_BYTES + 40, 1000):
        source.write_bytes(complete[:length])
        error = refusal(source, key, out)
        assert (error.kind, source.name in error.message) == ("does_not_decrypt", True)
        assert not out.exists()


@pytest.mark.parametrize("length", [0, 1, 32])
def test_a_file_that_holds_nothing(tmp_path: Path, key: Path, out: Path, length: int) -> None:
    source = tmp_path / "config.json.enc"
    source.write_bytes(bytes(length))
    assert refusal(source, key, out).kind == "truncated"


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_damage_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damage")
    key = folder / "key.pth"
    key.write_bytes(key_of(30))
    raw = bytearray(encrypt(torch_zip(arrays()), key.read_bytes()))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    source = folder / "w.bin.enc"
    source.write_bytes(raw[: data.draw(st.integers(len(raw) - 40, len(raw)))])
    assert refusal(source, key, folder / "out").kind in {"wrong_key", "does_not_decrypt"}


def test_an_existing_file_is_kept_if_right_and_never_overwritten(tmp_path: Path, key: Path, out: Path) -> None:
    source = encrypted_file(tmp_path, "config.json", b'{"a": 1}', key.read_bytes())
    result = decrypt_file(source, key, out)
    stamp = result.stat().st_mtime_ns
    assert decrypt_file(source, key, out).stat().st_mtime_ns == stamp
    result.write_text("mine", encoding="utf-8")
    assert refusal(source, key, out).kind == "file_exists"
    assert result.read_text(encoding="utf-8") == "mine"


def test_the_key_and_the_source_cannot_be_overwritten(tmp_path: Path, key: Path) -> None:
    source = encrypted_file(tmp_path, key.name, b"weights", key.read_bytes())
    assert refusal(source, key, tmp_path).kind == "file_exists"


def test_a_leftover_of_a_killed_run_does_no_harm(tmp_path: Path, key: Path, out: Path) -> None:
    source = encrypted_file(tmp_path, "config.json", b"{}", key.read_bytes())
    out.mkdir()
    (out / ".config.json.tmp").write_bytes(noise(100))
    decrypt_file(source, key, out)
    assert names_in(out) == ["config.json"]


def test_an_unwritable_folder(tmp_path: Path, key: Path) -> None:
    source = encrypted_file(tmp_path, "config.json", b"{}", key.read_bytes())
    (tmp_path / "a file").write_bytes(b"")
    error = refusal(source, key, tmp_path / "a file")
    assert error.kind == "folder_not_writable"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk(tmp_path: Path, key: Path, out: Path) -> None:
    source = encrypted_file(tmp_path, "config.json", b"{}", key.read_bytes())
    out.mkdir()
    (out / ".config.json.tmp").symlink_to("/dev/full")
    with pytest.raises(KnownError) as caught:
        decrypt_file(source, key, out)
    assert caught.value.kind == "disk_full"
    assert names_in(out) == []


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_written(tmp_path: Path, key: Path, out: Path) -> None:
    source = tmp_path / "weights.enc"
    source.write_bytes(bytes(32))
    with source.open("r+b") as stream:
        stream.truncate(shutil.disk_usage(tmp_path).free + (64 << 30))  # a hole
    error = refusal(source, key, out)
    assert error.kind == "disk_full"
    assert error.details["needed"] == source.stat().st_size - 32
    source.unlink()


def test_a_whole_folder(tmp_path: Path, key: Path, out: Path) -> None:
    downloaded = tmp_path / "downloaded"
    downloaded.mkdir()
    plain = {
        "config.json": b'{"model_type": "llama"}',
        "pytorch_model.bin": torch_zip(arrays()),
        "tokenizer.model": noise(500),
    }
    for name, content in plain.items():
        encrypted_file(downloaded, name, content, key.read_bytes())
    (downloaded / "README.md").write_text("not encrypted", encoding="utf-8")
    seen: list[tuple[int, int]] = []
    results = decrypt_folder(downloaded, key, out, lambda done, total: seen.append((done, total)))
    assert [path.name for path in results] == ["config.json", "tokenizer.model", "pytorch_model.bin"]
    assert {path.name: path.read_bytes() for path in results} == plain
    total = sum(map(len, plain.values()))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    (out / "tokenizer.model").unlink()
    assert decrypt_folder(downloaded, key, out) == results
    with open_checkpoint(out) as checkpoint:
        assert checkpoint.config["model_type"] == "llama"


def test_a_folder_without_encrypted_files(tmp_path: Path, key: Path, out: Path) -> None:
    with pytest.raises(KnownError) as caught:
        decrypt_folder(tmp_path, key, out)
    assert caught.value.kind == "no_weights"


def test_a_folder_with_two_versions_of_a_file(tmp_path: Path, key: Path, out: Path) -> None:
    for content in (b"one", b"two"):
        encrypted_file(tmp_path, "config.json", content, key.read_bytes())
    with pytest.raises(KnownError, match=r"config\.json") as caught:
        decrypt_folder(tmp_path, key, out)
    assert caught.value.kind == "ambiguous_checkpoint"
