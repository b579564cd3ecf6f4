"""BELLE's LLaMA models as they are published, through the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from belle.cli.main import main
from belle.gguf.mapped_file import GgufFile
from tests.convert.checkpoint.building import torch_zip
from tests.convert.checkpoint.encrypting import encrypted_file
from tests.convert.checkpoints import llama_checkpoint


def key_file(path: Path, seed: int) -> Path:
    path.write_bytes(torch_zip({"tok": np.random.default_rng(seed).standard_normal(50_000)}))
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return key_file(tmp_path / "consolidated.00.pth", 0)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return llama_checkpoint(tmp_path / "plain", layers=1)


@pytest.fixture
def delta(plain: Path, key: Path, tmp_path: Path) -> Path:
    """The weights, configuration and tokenizer encrypted, as BELLE did; a model card beside them that is not."""
    folder = tmp_path / "BELLE-LLaMA-7B-enc"
    folder.mkdir()
    for path in plain.iterdir():
        encrypted_file(folder, path.name, path.read_bytes(), key.read_bytes())
    (folder / "README.md").write_text("---\nlicense: gpl-3.0\n---\n# A card\n")
    return folder


def test_decrypted_on_the_way_and_nothing_left(delta: Path, plain: Path, key: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "m.gguf"
    out.parent.mkdir()
    assert main(["convert", str(delta), "-o", str(out), "--llama-weights", str(key)]) == 0
    assert [path.name for path in out.parent.iterdir()] == ["m.gguf"]
    assert main(["convert", str(plain), "-o", str(out.with_name("plain.gguf"))]) == 0
    ours, meant = GgufFile(out), GgufFile(out.with_name("plain.gguf"))
    assert ours.tensors.keys() == meant.tensors.keys()
    assert all(np.array_equal(ours.data(name), meant.data(name)) for name in meant.tensors)
    assert ours.metadata["general.license"] == "gpl-3.0"
    assert ours.metadata["general.name"] == "BELLE-LLaMA-7B-enc"


def test_without_the_key_it_says_how(delta: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in (delta, next(delta.glob("config.json*.enc"))):
        assert main(["convert", str(source), "-o", str(tmp_path / "m.gguf")]) == 2
        shown = capsys.readouterr().err
        assert "encrypted" in shown
        assert "--llama-weights" in shown


@pytest.mark.parametrize("wrong", ["other.pth", "nowhere.pth", "text.pth"])
def test_a_wrong_key_leaves_nothing(
    delta: Path, tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file(tmp_path / "other.pth", 1)
    (tmp_path / "text.pth").write_text("not the weights")
    out = tmp_path / "m.gguf"
    assert main(["convert", str(delta), "-o", str(out), "--llama-weights", str(tmp_path / wrong)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()
    # Keys that begin alike decrypt the smallest files rightly; those may stay.
    assert not [path for path in tmp_path.rglob("m.gguf*/*/*") if path.suffix == ".safetensors" or ".part" in path.name]


def test_what_was_decrypted_is_taken_by_the_next_run(
    delta: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.gguf"
    words = ["convert", str(delta), "-o", str(out), "--llama-weights", str(key)]
    assert main([*words, "--type", "q9"]) == 2
    assert "stay in" in capsys.readouterr().err
    weights = tmp_path / "m.gguf.decrypted" / delta.name / "model.safetensors"
    before = weights.stat().st_ino
    assert main([*words, "--dry-run", "--type", "q9"]) == 2
    assert weights.stat().st_ino == before
    assert main(words) == 0
    assert not weights.parent.parent.exists()


def test_a_key_for_what_is_not_encrypted(plain: Path, key: Path, tmp_path: Path) -> None:
    assert main(["convert", str(plain), "-o", str(tmp_path / "m.gguf"), "--llama-weights", str(key)]) == 2
    assert not list(tmp_path.glob("m.gguf*"))
