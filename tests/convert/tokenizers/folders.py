"""Checkpoint folders with small vocabularies for the tests of tokenizers."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convert.checkpoint.checkpoint import tokenizer_files
from convert.tokenizers import check
from convert.tokenizers.files import TokenizerFolder
from convert.tokenizers.read import sentencepiece_to_read
from convert.tokenizers.reference import ReferenceEncoder

CORPUS = (
    """\
Human: \n请写一首关于春天的诗。\n\nAssistant: \n春风吹绿江南岸，明月何时照我还。\n
The quick brown fox jumps over the lazy dog; they'll say it's 3.14159, and we've seen 2024 of them.
def main(argument: int) -> str:\n    return f"{argument:>10}"  # 注释\n\tfor (int i = 0; i < n; ++i) { a[i] += b; }
你好，世界！今天天气不错，我们去公园散步吧。他说：《红楼梦》很好看……中英混排 mixed text 1024MB。
Русский текст, 日本語のテキスト, 한국어, emoji 😀🎉👍🏽 🇨🇳, https://example.org/path?q=1 <b>bold</b> &amp;
Everything about the output is known before the first weight is read: the plan is printed, the writer follows it.
"""
    * 3
)


@dataclass
class FolderCheckpoint:
    """What the tokenizer reader needs of a checkpoint."""

    folder: Path
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tokenizer_files(self) -> dict[str, Path]:
        return tokenizer_files(self.folder)


def reference_encoder(checkpoint: TokenizerFolder) -> ReferenceEncoder:
    """The reference encoder of the file that `read_tokenizer` reads."""
    return check.reference_encoder(checkpoint, sentencepiece_to_read(checkpoint))


def write_json(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])


def proto_field(number: int, value: int | float | bytes) -> bytes:
    """A protobuf field: numbers as varints, floats as four bytes, bytes with their length."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece_bytes(
    pieces: Sequence[tuple[str, float, int]],
    *,
    model_type: int = 2,
    trainer: bytes = b"",
    remove_extra_whitespaces: bool = False,
    normalizer: bytes = b"",
) -> bytes:
    """A SentencePiece model as the library would save it; pieces are text, score, type."""
    parts = [
        proto_field(
            1, proto_field(1, text.encode()) + proto_field(2, score) + (proto_field(3, kind) if kind != 1 else b"")
        )
        for text, score, kind in pieces
    ]
    parts.append(proto_field(2, proto_field(3, model_type) + proto_field(35, 1) + trainer))
    parts.append(
        proto_field(3, proto_field(1, b"identity") + proto_field(4, int(remove_extra_whitespaces)) + normalizer)
    )
    return b"".join(parts)


BYTE_PIECES = [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)]
BASE_PIECES = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), *BYTE_PIECES]


def llama_pieces() -> list[tuple[str, float, int]]:
    """A small LLaMA vocabulary: control tokens, bytes, merged pieces by rank, single characters."""
    merged = ["▁t", "he", "▁the", "in", "er", "▁a", "▁▁", "▁▁▁▁", "你好", "世界", "ing", "▁in", "on", "▁的", "文字"]
    letters = sorted({*"abcdefghijklmnopqrstuvwxyzHA▁.,!?0123456789你好世界的文字", *"：。，"})
    ranked = [(text, -float(rank), 1) for rank, text in enumerate([*merged, *letters])]
    return [*BASE_PIECES, *ranked]


def llama_folder(folder: Path, **files: Any) -> FolderCheckpoint:
    """A folder with that vocabulary in `tokenizer.model`; `files` are JSON files by stem."""
    (folder / "tokenizer.model").write_bytes(sentencepiece_bytes(llama_pieces()))
    for name, value in files.items():
        write_json(folder, f"{name}.json", value)
    return FolderCheckpoint(folder)


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def byte_level_json(**changes: Any) -> dict[str, Any]:
    """A small BLOOM kind of `tokenizer.json`: 256 byte characters, a few merges, three special tokens."""
    characters = [chr(code) for code in [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x144)]]
    merges = [
        ("Ġ", "t"),
        ("h", "e"),
        ("Ġt", "he"),
        ("i", "n"),
        ("ä", "½"),
        ("ä½", "ł"),
        ("å", "¥"),
        ("å¥", "½"),
        ("3", "3"),
    ]
    tokens = ["<unk>", "<s>", "</s>", "<pad>", *characters, *(left + right for left, right in merges)]
    specials = [{"id": index, "content": text, "special": True} for index, text in enumerate(tokens[:4])]
    return {
        "version": "1.0",
        "added_tokens": specials,
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": " ?[^(\\s|[.,!?…。，、।۔،])]+"},
                    "behavior": "Isolated",
                    "invert": False,
                },
                BYTE_LEVEL,
            ],
        },
        "post_processor": BYTE_LEVEL,
        "decoder": BYTE_LEVEL,
        "model": {
            "type": "BPE",
            "vocab": {text: index for index, text in enumerate(tokens)},
            "merges": [f"{left} {right}" for left, right in merges],
        },
        **changes,
    }


def byte_level_folder(folder: Path, definition: Mapping[str, Any] | None = None, **files: Any) -> FolderCheckpoint:
    write_json(folder, "tokenizer.json", definition or byte_level_json())
    for name, value in {"tokenizer_config": {"eos_token": "</s>"}, **files}.items():
        write_json(folder, f"{name}.json", value)
    return FolderCheckpoint(folder)
