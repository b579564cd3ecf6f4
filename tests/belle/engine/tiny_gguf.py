"""Small GGUF files for tests: bytes laid out by hand, and a random model with a SentencePiece vocabulary."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize

U32, STRING, ARRAY, F32_TENSOR = 4, 8, 9, 0
SPM_WORDS = ["▁", "▁hello", "▁wor", "ld", "hello", "▁Human", ":", "▁Yes", "Yes", "▁你", "你", "好", ".", "▁a", "b"]


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def entry(key: str, value: int | str | list[str] | list[int]) -> bytes:
    match value:
        case int():
            return string(key) + struct.pack("<II", U32, value)
        case str():
            return string(key) + struct.pack("<I", STRING) + string(value)
        case [str(), *_]:
            return string(key) + struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(string, value))
        case _:
            body = struct.pack(f"<{len(value)}I", *value)
            return string(key) + struct.pack("<IIQ", ARRAY, U32, len(value)) + body


ENTRIES: dict[str, int | str | list[str] | list[int]] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "mit",
    "general.file_type": 0,
    "tokenizer.ggml.tokens": ["<unk>", "a", "你好"],
    "llama.context_length": 128,
    "llama.block_count": 2,
    "llama.embedding_length": 8,
    "llama.feed_forward_length": 16,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.chat_template": "{{ messages }}",
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
}


def header(
    entries: dict[str, int | str | list[str] | list[int]] | None = None,
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int = 1,
    n_entries: int | None = None,
    shape: tuple[int, ...] = (8, 3),
    kind: int = F32_TENSOR,
    offset: int = 0,
) -> bytes:
    """A header with one tensor, without its data."""
    entries = ENTRIES if entries is None else entries
    count = len(entries) if n_entries is None else n_entries
    body = b"".join(entry(key, value) for key, value in entries.items())
    tensor = string("token_embd.weight") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return magic + struct.pack("<IQQ", version, n_tensors, count) + body + tensor


def whole(**options: object) -> bytes:
    """A complete file: the header above and 96 bytes of data."""
    start = header(**options)  # type: ignore[arg-type]
    return start + bytes(-len(start) % 32) + bytes(8 * 3 * 4)


def write_random_model(
    path: Path,
    *,
    n_ctx: int = 512,
    seed: int = 0,
    template: str = "",
    n_layers: int = 1,
    scale: float = 1.0,
    name: str = "Random",
    control: Sequence[str] = (),
    n_embd: int = 32,
    n_ff: int = 64,
    matrix_type: GGMLQuantizationType = GGMLQuantizationType.F32,
) -> None:
    """A llama that says random things, with a SentencePiece vocabulary of bytes, a few words and `control` tokens."""
    rng = np.random.default_rng(seed)
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *SPM_WORDS, *control]
    types = [TokenType.UNKNOWN, *[TokenType.CONTROL] * 2, *[TokenType.BYTE] * 256, *[TokenType.NORMAL] * len(SPM_WORDS)]
    types += [TokenType.CONTROL] * len(control)
    n_vocab = len(tokens)
    writer = GGUFWriter(str(path), "llama")
    writer.add_name(name)
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(n_embd)
    writer.add_block_count(n_layers)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(n_embd // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(i) for i in range(n_vocab)])
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    if template:
        writer.add_chat_template(template)
    shapes = {
        "token_embd.weight": (n_vocab, n_embd),
        "output_norm.weight": (n_embd,),
        "output.weight": (n_vocab, n_embd),
    }
    for i in range(n_layers):
        shapes |= {
            f"blk.{i}.attn_norm.weight": (n_embd,),
            f"blk.{i}.attn_q.weight": (n_embd, n_embd),
            f"blk.{i}.attn_k.weight": (n_embd, n_embd),
            f"blk.{i}.attn_v.weight": (n_embd, n_embd),
            f"blk.{i}.attn_output.weight": (n_embd, n_embd),
            f"blk.{i}.ffn_norm.weight": (n_embd,),
            f"blk.{i}.ffn_gate.weight": (n_ff, n_embd),
            f"blk.{i}.ffn_up.weight": (n_ff, n_embd),
            f"blk.{i}.ffn_down.weight": (n_embd, n_ff),
        }
    for name, shape in shapes.items():
        values = rng.standard_normal(shape, dtype=np.float32)
        if name.endswith("norm.weight"):
            writer.add_tensor(name, values)
        else:
            stored = quantize(np.float32(scale) * values, matrix_type)
            writer.add_tensor(name, stored, raw_dtype=matrix_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
