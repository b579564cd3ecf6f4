"""`belle imatrix` on the real starter model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from belle.gguf.imatrix import read_imatrix
from belle.models import catalog

TEXT = "The keeper of the lighthouse wrote down the weather every morning, and the names of the ships. " * 60


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "belle", "imatrix", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture
def model() -> Path:
    return catalog.resolve("starter").path


def test_every_matrix_is_measured_and_the_file_is_read_back(tmp_path: Path, model: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    out = tmp_path / "out.gguf"
    result = run(model, "--text", tmp_path / "text.txt", "-o", out, "--chunks", "1")
    assert result.returncode == 0, result.stderr
    assert "210 matrices, 1 windows of 512 tokens" in result.stdout
    measured = read_imatrix(out)
    importance = measured.weights["blk.0.ffn_down.weight"]
    assert importance.shape == (1536,)
    assert np.isfinite(importance).all()
    assert (importance > 0).all()
    # The three projections of attention read the same input.
    np.testing.assert_array_equal(measured.weights["blk.3.attn_q.weight"], measured.weights["blk.3.attn_k.weight"])
    assert list(tmp_path.glob("*.part")) == []


def test_the_sum_is_over_the_inputs_of_the_layer(model: Path) -> None:
    """The input of the first attention is the normed embedding, which can be computed by hand."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    from belle.engine.llama.activations import ActivationReader, SquareSums

    tensors = {
        t.name: t for t in GGUFReader(model).tensors if t.name in ("token_embd.weight", "blk.0.attn_norm.weight")
    }
    embedding = tensors["token_embd.weight"]
    found = SquareSums()
    with ActivationReader(model, found.add) as reader:
        window = reader.windows(TEXT)[0]
        list(reader.read([window]))
    rows = dequantize(embedding.data[window], embedding.tensor_type).astype(np.float64)
    normed = rows / np.sqrt(np.square(rows).mean(axis=1, keepdims=True) + 1e-5)
    normed *= tensors["blk.0.attn_norm.weight"].data
    np.testing.assert_allclose(found.sums["blk.0.attn_q.weight"], np.square(normed).sum(axis=0), rtol=2e-4)
    assert found.counts["blk.0.attn_q.weight"] == 512


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"short", "fewer than one window"), (b"\xff\xfe\x00" * 900, "not UTF-8")],
)
def test_unusable_text_is_refused_in_words(tmp_path: Path, model: Path, content: bytes, words: str) -> None:
    (tmp_path / "text.txt").write_bytes(content)
    result = run(model, "--text", tmp_path / "text.txt", "-o", tmp_path / "out.gguf")
    assert result.returncode == 2
    assert words in result.stderr
    assert not (tmp_path / "out.gguf").exists()


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    result = run(tmp_path / "bad.gguf", "--text", tmp_path / "text.txt", "-o", tmp_path / "out.gguf")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
