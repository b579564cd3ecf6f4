"""Describes a GGUF file by its header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from belle.engine.llama.memory import available_memory, estimate, verdict
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.cursor import Value
from belle.gguf.reader import GgufHeader, read_header, read_strings
from convert.inspection.description import Description, MemoryAt, TensorRow, TokenizerFacts, shares, template_facts

_CONTEXTS = (2048, 4096, 8192, 16384, 32768)
_SPECIAL = {
    "bos": "bos_token_id",
    "eos": "eos_token_id",
    "eot": "eot_token_id",
    "eom": "eom_token_id",
    "unk": "unknown_token_id",
    "sep": "seperator_token_id",
    "pad": "padding_token_id",
    "mask": "mask_token_id",
}
_VISION = "clip"  # what llama.cpp calls the architecture of every mmproj
_VISION_SIZES = {
    "layers": "block_count",
    "width": "embedding_length",
    "feed-forward width": "feed_forward_length",
    "heads": "attention.head_count",
    "picture side": "image_size",
    "patch side": "patch_size",
    "width of the language model": "projection_dim",
}
_TOKENS = "tokenizer.ggml.tokens"
_SHA256 = "chatbelle.source.sha256."


def describe_gguf(path: Path) -> Description:
    """Describe the GGUF at `path`, with all parts if it is the first of several. Raises KnownError."""
    header = read_header(path)
    metadata = header.metadata
    tensors = tuple(
        TensorRow(t.name, t.shape, TENSOR_TYPES[t.type].name if t.type in TENSOR_TYPES else f"type {t.type}", t.n_bytes)
        for t in header.tensors
    )
    is_adapter = metadata.get("general.type") == "adapter"
    sees = header.architecture == _VISION
    tokenizer = _tokenizer(header)
    special = tokenizer.special if tokenizer else {}
    bos, eos = (special.get(kind, (0, ""))[1] for kind in ("bos", "eos"))
    return Description(
        path=str(path),
        kind="GGUF adapter" if is_adapter else "GGUF vision encoder" if sees else "GGUF",
        architecture=header.architecture,
        title=header.name,
        quantization=header.quantization,
        n_weights=header.n_params,
        n_bytes=header.size_bytes,
        n_files=header.n_parts,
        tensors=tensors,
        types=shares(tensors),
        sizes=_vision_sizes(metadata) if sees else _sizes(header),
        context_length=header.n_ctx_train,
        tokenizer=tokenizer,
        template=template_facts(header.chat_template, bos=bos, eos=eos),
        license=header.license,
        source=_text(metadata, "general.source.repo_url"),
        base=_text(metadata, "general.base_model.0.name") or _text(metadata, "chatbelle.lora.base"),
        sha256={key.removeprefix(_SHA256): str(v) for key, v in metadata.items() if key.startswith(_SHA256)},
        adapters=_adapters(metadata),
        memory=() if is_adapter or not header.n_layers else _memory(header),
        facts=_adapter_facts(tensors, metadata) if is_adapter else _facts(header),
    )


def _sizes(header: GgufHeader) -> dict[str, int]:
    sizes = {
        "layers": header.n_layers,
        "width": header.n_embd,
        "feed-forward width": header.n_ff,
        "heads": header.n_heads,
        "key/value heads": header.n_kv_heads,
        "head width": header.head_size,
        "vocabulary": header.n_vocab,
    }
    return {name: size for name, size in sizes.items() if size}


def _vision_sizes(metadata: Mapping[str, Value]) -> dict[str, int]:
    """Of an mmproj; sides are in pixels."""
    values = {name: metadata.get(f"{_VISION}.vision.{key}") for name, key in _VISION_SIZES.items()}
    return {name: value for name, value in values.items() if isinstance(value, int)}


def _facts(header: GgufHeader) -> dict[str, object]:
    facts: dict[str, object] = {"GGUF version": header.version}
    projector = _text(header.metadata, f"{_VISION}.projector_type") if header.architecture == _VISION else ""
    return facts | ({"projector": projector} if projector else {})


def _tokenizer(header: GgufHeader) -> TokenizerFacts | None:
    metadata = header.metadata
    model = _text(metadata, "tokenizer.ggml.model")
    if not model:
        return None
    numbers = {kind: metadata.get(f"tokenizer.ggml.{key}") for kind, key in _SPECIAL.items()}
    ids = {kind: number for kind, number in numbers.items() if isinstance(number, int)}
    texts = read_strings(header, _TOKENS, ids.values())
    adds_bos = metadata.get("tokenizer.ggml.add_bos_token")
    return TokenizerFacts(
        model,
        _text(metadata, "tokenizer.ggml.pre"),
        header.skipped[_TOKENS].length if _TOKENS in header.skipped else 0,
        {kind: (number, texts.get(number, "")) for kind, number in ids.items()},
        adds_bos if isinstance(adds_bos, bool) else None,
    )


def _memory(header: GgufHeader) -> tuple[MemoryAt, ...]:
    longest = header.n_ctx_train or _CONTEXTS[0]
    free = available_memory()
    rows = []
    for n_ctx in sorted({*(n for n in _CONTEXTS if n < longest), longest}):
        need = estimate(header, n_ctx)
        rows.append(MemoryAt(n_ctx, need.weights, need.kv, need.compute, need.total, verdict(need.total, free)))
    return tuple(rows)


def _adapters(metadata: Mapping[str, Value]) -> tuple[tuple[str, float], ...]:
    count = metadata.get("chatbelle.lora.count")
    adapters = []
    for number in range(min(count, 100) if isinstance(count, int) else 0):
        scale = metadata.get(f"chatbelle.lora.{number}.scale")
        name = _text(metadata, f"chatbelle.lora.{number}.name")
        adapters.append((name, scale if isinstance(scale, float) else 1.0))
    return tuple(adapters)


def _adapter_facts(tensors: tuple[TensorRow, ...], metadata: Mapping[str, Value]) -> dict[str, object]:
    ranks = {t.shape[-1] for t in tensors if t.name.endswith(".lora_b") and t.shape}
    layers = {t.name.removesuffix(".weight.lora_a").rpartition(".")[2] for t in tensors if t.name.endswith(".lora_a")}
    return {
        "adapter type": _text(metadata, "adapter.type"),
        "alpha": metadata.get("adapter.lora.alpha"),
        "ranks": sorted(ranks),
        "layers": sorted(layers),
    }


def _text(metadata: Mapping[str, Value], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) else ""
