"""Which small batches llama.cpp computes bit for bit as it computes their tokens one by one.

Some kernels add up in another order when there are several tokens. A logit then differs in its last bits; after
a few layers of activations rounded to 8 bits, by 0.5 and more, which changes the text. For which number of tokens that
is so depends on the type of the weights, the processor, and the build (bootstrap.py raises the number from which
tinyBLAS is used). So it is tried, with a tiny model: the attention and all matrices but the last are F32, where no
rounding can hide a difference, and the matrix that gives the logits has the type in question.

The result is remembered for the build and the processor.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belle import paths
from belle.documents import read_json_object
from belle.durable import write_text
from belle.engine.llama.context import BatchPart, Context, StopFlag
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.llama.processor import library_digest, this_processor
from belle.engine.process import safer_mode
from belle.engine.process.faults import loading_note
from belle.errors import KnownError
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.reader import GgufHeader
from belle.texts import json_text

MOST_TOKENS = 7
"""In a batch that is tried: from 8 tokens on llama.cpp uses other kernels on purpose, made for prompts."""

_NO_WEIGHTS = frozenset({"Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"})
"""Types that ggml quantizes no matrix to: asked for one of them, it ends the process."""

_FORMAT = 1
_N_PROMPT = 40
_WIDTH, _N_TOKENS = 256, 272  # whole blocks of K-quants, and rows that can be rearranged by 16


def exact_sizes(header: GgufHeader, log: NativeLog) -> frozenset[int]:
    """The sizes from 2 to `MOST_TOKENS` of exact batches of a model; none for one that cannot be tried, as a mixture of
    experts.

    A tenth of a second for each type that has not been tried yet with this build and processor.
    """
    matrices = [tensor for tensor in header.tensors if len(tensor.shape) > 1]
    if any(len(tensor.shape) > 2 or tensor.type not in TENSOR_TYPES for tensor in matrices):
        return frozenset()
    types = {TENSOR_TYPES[tensor.type].name for tensor in matrices}
    if types & _NO_WEIGHTS:
        return frozenset()
    sizes = _sizes(types, log)
    log.note(loading_note(header.path))  # a crash from now on is this model's again
    return sizes


def _sizes(types: Collection[str], log: NativeLog) -> frozenset[int]:
    """The same for a dense transformer whose matrices have these types."""
    wanted = {"F32", *types}
    known = _read()
    if not wanted <= known.keys():
        known |= {name: _tried(name, log) for name in sorted(wanted - known.keys())}
        _remember(known)
    return frozenset.intersection(*(known[name] for name in wanted))


def _tried(name: str, log: NativeLog) -> frozenset[int]:
    """The sizes for one type, with weights as they are in the file and rearranged: a model may have both."""
    with tempfile.TemporaryDirectory(prefix="chatbelle-batches-") as folder:
        path = Path(folder) / f"{name}.gguf"
        try:
            _write_model(path, name)
            return _sizes_in(path, log, as_on_disk=False) & _sizes_in(path, log, as_on_disk=True)
        except (KnownError, OSError):
            return frozenset()  # no memory, or no room on the disk


def _sizes_in(path: Path, log: NativeLog, *, as_on_disk: bool) -> frozenset[int]:
    model = Model(path, n_gpu_layers=0, log=log, on_progress=lambda _: True, as_on_disk=as_on_disk)
    context = Context(model, 2 * _N_PROMPT, on_gpu=False, stop=StopFlag(), log=log)
    context.set_threads(1, 1)
    tokens = np.random.default_rng(3).integers(3, _N_TOKENS, _N_PROMPT + MOST_TOKENS).tolist()
    prompt, last = tokens[:_N_PROMPT], tokens[_N_PROMPT:]
    (sequence,) = context.sequences
    context.evaluate(BatchPart(sequence, prompt))
    alone = np.stack([_rows(context, [token])[0] for token in last])  # [MOST_TOKENS, n_vocab]
    exact = set()
    for size in range(2, MOST_TOKENS + 1):
        sequence.keep_prefix(prompt)
        if np.array_equal(_rows(context, last[:size]), alone[:size]):
            exact.add(size)
    context.close()
    model.close()
    return frozenset(exact)


def _rows(context: Context, tokens: list[int]) -> NDArray[np.float32]:
    """Evaluate `tokens`; a copy of the logits after each of them `[len(tokens), n_vocab]`."""
    (sequence,) = context.sequences
    context.evaluate(BatchPart(sequence, tokens, len(tokens)))
    return np.stack([context.logits(row) for row in sequence.rows])


def _write_model(path: Path, name: str) -> None:
    """A random LLaMA of one layer, whose last matrix has the type `name`. Raises OSError, KnownError."""
    import gguf

    from belle.gguf.ggml import prepare, quantize
    from belle.gguf.types import row_bytes

    rng = np.random.default_rng(1)
    kind = gguf.GGMLQuantizationType[name]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(256)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(2 * _WIDTH)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"abcdefghijklm"])
    writer.add_token_scores([0.0] * _N_TOKENS)
    writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * 13])  # unknown, control, byte, normal
    for norm in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{norm}.weight", np.ones(_WIDTH, np.float32))
    shapes = {"token_embd": (_N_TOKENS, _WIDTH), "blk.0.ffn_down": (_WIDTH, 2 * _WIDTH)}
    shapes |= {f"blk.0.attn_{part}": (_WIDTH, _WIDTH) for part in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{part}": (2 * _WIDTH, _WIDTH) for part in ("gate", "up")}
    for tensor, shape in shapes.items():
        writer.add_tensor(f"{tensor}.weight", rng.standard_normal(shape, np.float32) / 16)
    output = (rng.standard_normal((_N_TOKENS, _WIDTH)) / 16).astype(np.float32)
    blocks = np.empty(_N_TOKENS * row_bytes(kind, _WIDTH), np.uint8)
    prepare(kind)
    quantize(kind, output, blocks, np.ones(_WIDTH, np.float32))
    writer.add_tensor("output.weight", blocks.reshape(_N_TOKENS, -1), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _engine() -> str:
    """What the sizes depend on beside the type: the build, the processor, whether weights are rearranged."""
    mode = "plain" if safer_mode.is_on() else "rearranged"
    return f"{library_digest()} on {this_processor().digest}, {mode}"


def _read() -> dict[str, frozenset[int]]:
    """What is remembered, by type; nothing where the file is of another engine, missing or damaged."""
    try:
        content = read_json_object(paths.exact_batches_file())
        if content["format"] != _FORMAT or content["engine"] != _engine():
            return {}
        possible = range(2, MOST_TOKENS + 1)
        return {name: frozenset(possible).intersection(sizes) for name, sizes in content["sizes"].items()}
    except (KnownError, OSError, KeyError, TypeError, AttributeError):
        return {}


def _remember(sizes: dict[str, frozenset[int]]) -> None:
    """Where that cannot be written, the next start finds out again."""
    rows = {name: sorted(exact) for name, exact in sizes.items()}
    with suppress(OSError, KnownError):
        paths.private_folder(paths.cache_dir())
        content = {"format": _FORMAT, "engine": _engine(), "sizes": rows}
        write_text(paths.exact_batches_file(), json_text(content, indent=1) + "\n", several_writers=True)
