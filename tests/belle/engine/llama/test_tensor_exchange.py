"""Weights that are exchanged in a loaded model: all of another file's make it that file's model, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.llama.tensor_exchange import LiveTensors
from belle.errors import KnownError
from belle.evaluation.sources.llama import LlamaSource
from belle.evaluation.windows import Protocol, Window
from belle.gguf.reader import read_header
from tests.belle.engine.tiny_gguf import write_random_model

PROTOCOL = Protocol(n_ctx=32)
WINDOW = Window(0, list(range(3, 35)), 0)
F32 = 0


def blocks(path: Path, name: str) -> np.ndarray:
    tensor = next(t for t in read_header(path).tensors if t.name == name)
    return np.fromfile(path, np.uint8, tensor.n_bytes, offset=tensor.start)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    for seed in (0, 1):
        write_random_model(tmp_path / f"{seed}.gguf", seed=seed, n_layers=2)
    return tmp_path / "0.gguf", tmp_path / "1.gguf"


@pytest.fixture
def source(files: tuple[Path, Path]) -> Iterator[LlamaSource]:
    source = LlamaSource(files[0], PROTOCOL, threads=1)
    yield source
    source.close()


def logits(source: LlamaSource) -> np.ndarray:
    return np.concatenate([np.array(rows) for rows in source.rows(WINDOW, 64)])


def test_a_model_with_every_tensor_of_another_is_the_other(files: tuple[Path, Path], source: LlamaSource) -> None:
    before = logits(source)
    live = LiveTensors(source.model, read_header(files[0]))
    assert set(live) == {tensor.name for tensor in read_header(files[0]).tensors}
    for name in live:
        live.exchange(name, F32, blocks(files[1], name))
    other = LlamaSource(files[1], PROTOCOL, threads=1)
    try:
        expected = logits(other)
    finally:
        other.close()
    assert np.array_equal(logits(source), expected)
    assert not np.array_equal(before, expected)
    live.undo()
    assert np.array_equal(logits(source), before)


def test_what_does_not_fit_is_refused(files: tuple[Path, Path], source: LlamaSource) -> None:
    live = LiveTensors(source.model, read_header(files[0]))
    right = blocks(files[1], "output.weight")
    for wrong in (right[:-4], right[::2], np.concatenate([right, right])):
        with pytest.raises(ValueError, match="bytes where"):
            live.exchange("output.weight", F32, wrong)
    with pytest.raises(KeyError):
        live.exchange("blk.9.attn_q.weight", F32, right)
    assert "blk.1.attn_q.weight" in live
    assert "blk.9.attn_q.weight" not in live


def test_tensors_that_do_not_fit_the_header_are_not_believed(files: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(files[0].read_bytes().replace(b"blk.", b"xlk.").replace(b"output", b"outbut"))
    model = Model(files[0], n_gpu_layers=0, log=NativeLog(), on_progress=lambda _: True)
    try:
        with pytest.raises(KnownError, match="not known here"):
            LiveTensors(model, read_header(other))
    finally:
        model.close()
