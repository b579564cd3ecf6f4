"""Tiny random models of several architectures that llama.cpp can tokenize for."""

from __future__ import annotations

from pathlib import Path

from gguf.constants import GGUFValueType, TokenType

from belle.gguf.writer import KeyValue
from convert.architectures import architecture_of
from tests.convert.architectures.random_models import sources_of, write_gguf
from tests.convert.architectures.test_logits import tiny_model


def architecture_gguf(name: str, path: Path) -> Path:
    """The model called `name` in `test_logits`, with a vocabulary of 256 bytes that are words."""
    model = tiny_model(name)
    config = {**model.config.to_dict(), "architectures": [type(model).__name__]}
    architecture = architecture_of(config)
    size_key = f"{architecture.name}.vocab_size"
    entries = [entry for entry in architecture.metadata(config) if entry.key != size_key]
    text, number, real = GGUFValueType.STRING, GGUFValueType.INT32, GGUFValueType.FLOAT32
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(253))]
    kinds = [TokenType.UNKNOWN, *[TokenType.CONTROL] * 2, *[TokenType.BYTE] * 253]
    entries += [
        KeyValue("tokenizer.ggml.model", "llama", text),
        KeyValue("tokenizer.ggml.tokens", tokens, text),
        KeyValue("tokenizer.ggml.scores", [0.0] * 256, real),
        KeyValue("tokenizer.ggml.token_type", [int(kind) for kind in kinds], number),
    ]
    return write_gguf(path, architecture.name, entries, architecture.plan(sources_of(model), config))
