"""BELLE-7B at its full size, of random weights: it loads, answers, and needs what the library said before.

The file is made in seconds: each matrix repeats a few hundred quantized rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import psutil
import pytest
from gguf import GGUFValueType

from belle.engine.llama.memory import available_memory
from belle.engine.llama.speed import Observed, machine_speed, work_of
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, KvType, Load, Sampling
from belle.engine.process.events import Done
from belle.engine.process.native_calls import call
from belle.gguf.ggml import quantize
from belle.gguf.reader import read_header
from belle.gguf.types import GGMLType, row_bytes
from belle.gguf.writer import KeyValue, TensorInfo, padded, serialize
from belle.prompts import Message
from desktop.library.fit import Machine, fit_of_file
from desktop.model_settings import LoadSettings

GIB = 1 << 30
N_EMBD, N_FF, N_LAYERS, N_HEADS, N_CTX = 4096, 16_384, 30, 32, 2048
N_VOCAB = 250_880
_ROWS = 256  # different ones in each matrix
_QUESTION = (Message("user", "Spring rain?"),)

Shape = tuple[int, ...]


def bloom_7b_tensors() -> Iterator[tuple[str, Shape, GGMLType]]:
    """Name, shape `[out_features, in_features]` and type of each tensor, as a 4-bit file of BELLE-7B has them."""
    yield "token_embd.weight", (N_VOCAB, N_EMBD), GGMLType.Q6_K  # tied: it is the output matrix, too
    for name in ("token_embd_norm", "output_norm"):
        yield from _norm(name)
    for layer in range(N_LAYERS):
        block = f"blk.{layer}"
        yield from _norm(f"{block}.attn_norm")
        yield from _norm(f"{block}.ffn_norm")
        for name, shape in (
            ("attn_qkv", (3 * N_EMBD, N_EMBD)),
            ("attn_output", (N_EMBD, N_EMBD)),
            ("ffn_up", (N_FF, N_EMBD)),
            ("ffn_down", (N_EMBD, N_FF)),
        ):
            yield f"{block}.{name}.weight", shape, GGMLType.Q4_K
            yield f"{block}.{name}.bias", shape[:1], GGMLType.F32


def _norm(name: str) -> Iterator[tuple[str, Shape, GGMLType]]:
    yield f"{name}.weight", (N_EMBD,), GGMLType.F32
    yield f"{name}.bias", (N_EMBD,), GGMLType.F32


def bloom_metadata() -> list[KeyValue]:
    """What llama.cpp needs to know, with a vocabulary of the bytes and of made-up words."""
    numbers = {
        "bloom.context_length": N_CTX,
        "bloom.embedding_length": N_EMBD,
        "bloom.feed_forward_length": N_FF,
        "bloom.block_count": N_LAYERS,
        "bloom.attention.head_count": N_HEADS,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "general.file_type": 14,
    }
    # The letters by which byte-level BPE writes the 256 bytes.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + n) for n in range(256 - len(printable))]
    tokens = ["<unk>", "<s>", "</s>", "<pad>", *letters, "ab"]
    tokens += [f"word{n}" for n in range(N_VOCAB - len(tokens))]
    texts = {
        "general.architecture": "bloom",
        "general.name": "BELLE-7B of random weights",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "bloom",
    }
    return [
        *(KeyValue(key, value, GGUFValueType.STRING) for key, value in texts.items()),
        *(KeyValue(key, value, GGUFValueType.UINT32) for key, value in numbers.items()),
        KeyValue("bloom.attention.layer_norm_epsilon", 1e-5, GGUFValueType.FLOAT32),
        KeyValue("tokenizer.ggml.tokens", tokens, GGUFValueType.STRING),
        KeyValue("tokenizer.ggml.token_type", [3] * 4 + [1] * (N_VOCAB - 4), GGUFValueType.INT32),
        KeyValue("tokenizer.ggml.merges", ["a b"], GGUFValueType.STRING),
    ]


def write_model(path: Path) -> None:
    """The whole file."""
    tensors, offset = [], 0
    for name, shape, kind in bloom_7b_tensors():
        tensors.append(TensorInfo(name, shape, kind, offset))
        offset += padded(_n_bytes(shape, kind))
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(serialize(bloom_metadata(), tensors))
        for tensor in tensors:
            _write_tensor(file, tensor, rng)


def _n_bytes(shape: Shape, kind: GGMLType) -> int:
    return row_bytes(kind, shape[-1]) * (shape[0] if len(shape) > 1 else 1)


def _write_tensor(file: BinaryIO, tensor: TensorInfo, rng: np.random.Generator) -> None:
    size = _n_bytes(tuple(tensor.shape), tensor.type)
    if len(tensor.shape) == 1:
        ones = tensor.name.endswith("norm.weight")
        file.write((np.ones if ones else np.zeros)(tensor.shape, np.float32).tobytes())
    else:
        rows, width = tensor.shape
        values = rng.standard_normal((_ROWS, width), dtype=np.float32) * np.float32(0.02)
        stored = np.empty(_ROWS * row_bytes(tensor.type, width), np.uint8)
        quantize(tensor.type, values, stored, None)
        for _ in range(rows // _ROWS):
            file.write(stored)
    file.write(bytes(padded(size) - size))


@pytest.fixture(scope="module")
def belle_7b(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    size = sum(_n_bytes(shape, kind) for _, shape, kind in bloom_7b_tensors())
    folder = tmp_path_factory.mktemp("full-size")
    if shutil.disk_usage(folder).free < size + 4 * GIB:
        pytest.skip(f"needs {size / GIB:.1f} GiB of disk, and 4 GiB to spare")
    if available_memory() < size + 3 * GIB:
        pytest.skip(f"needs {size / GIB + 3:.1f} GiB of free memory")
    path = folder / "belle-7b-random.gguf"
    write_model(path)
    yield path
    path.unlink()


def core_seconds(engine: BlockingEngine, number: int, tokens: int) -> float:
    """Processor time of the worker for an answer of so many tokens: other programs do not count."""
    assert engine.client.pid is not None
    worker = psutil.Process(engine.client.pid)
    before = sum(worker.cpu_times()[:2])
    *_, done = engine.generate(Generate(number, _QUESTION, Sampling(temperature=0.0), max_tokens=tokens))
    assert isinstance(done, Done)
    assert done.stats.completion_tokens == tokens
    return float(sum(worker.cpu_times()[:2]) - before)


@pytest.mark.slow
@pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
def test_belle_7b_at_full_size_needs_what_the_library_says(belle_7b: Path, kv_type: KvType) -> None:
    header = read_header(belle_7b)
    assert (header.n_params // 10**7, header.n_vocab) == (706, N_VOCAB)
    wanted = LoadSettings(N_CTX, 1, kv_type=kv_type)
    speeds = []
    with open_engine(Load(str(belle_7b), n_ctx=N_CTX, threads=1, template="plain", kv_type=kv_type)) as engine:
        core_seconds(engine, 1, 2)  # reads the question, which the next answers need not
        assert engine.client.pid is not None
        resident = psutil.Process(engine.client.pid).memory_info().rss
        for number in range(2, 8, 2):
            types = sorted(set(work_of(header).bytes_by_type) - {"F32"})
            observed = Observed(machine_speed(call("belle.engine.llama.speed:measure", types=types, threads=1)))
            fit = fit_of_file(header, wanted, Machine(available_memory(), 0, observed))
            measured = 8 / (core_seconds(engine, number, 10) - core_seconds(engine, number + 1, 2))
            speeds.append((fit.tokens_per_s, measured))
            if fit.tokens_per_s == pytest.approx(measured, rel=0.25):
                break
        else:
            pytest.fail(f"predicted and measured tokens per second: {speeds}")
    print(f"{kv_type}: memory {fit.memory / GIB:.2f} GiB said, {resident / GIB:.2f} taken; tokens per second {speeds}")
    assert fit.memory == pytest.approx(resident, rel=0.10)
    assert fit.n_ctx == N_CTX
