"""Checkpoints on disk as Hugging Face writes them, of any size, made in a second: for pipeline tests and the bench."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SAFETENSORS = {"f16": "F16", "f32": "F32", "bf16": "BF16"}
END = "<|end|>"
WIDTH = {"f16": 2, "f32": 4, "bf16": 2}


def byte_tokenizer(folder: Path, n_tokens: int) -> None:
    """A byte-level tokenizer.json with `n_tokens` tokens: 256 bytes, then merges of two, and last the end."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(rest))]
    pairs = [(a, b) for a in letters[:94] for b in letters[:94]][: n_tokens - 257]
    tokens = [*letters, *(a + b for a, b in pairs)]
    how = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    end = {"id": len(tokens), "content": END, "special": True} | how
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    definition = {
        "version": "1.0",
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "added_tokens": [end],
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [f"{a} {b}" for a, b in pairs],
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "GPT2TokenizerFast", "eos_token": END})
    )


def llama_shapes(*, width: int, ffn: int, layers: int, vocabulary: int, kv_width: int) -> dict[str, tuple[int, ...]]:
    """Shapes by checkpoint name, in the order of the architecture."""
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocabulary, width)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        shapes |= {
            f"{prefix}.input_layernorm.weight": (width,),
            f"{prefix}.self_attn.q_proj.weight": (width, width),
            f"{prefix}.self_attn.k_proj.weight": (kv_width, width),
            f"{prefix}.self_attn.v_proj.weight": (kv_width, width),
            f"{prefix}.self_attn.o_proj.weight": (width, width),
            f"{prefix}.post_attention_layernorm.weight": (width,),
            f"{prefix}.mlp.gate_proj.weight": (ffn, width),
            f"{prefix}.mlp.up_proj.weight": (ffn, width),
            f"{prefix}.mlp.down_proj.weight": (width, ffn),
        }
    return shapes | {"model.norm.weight": (width,), "lm_head.weight": (vocabulary, width)}


def bloom_shapes(*, width: int, layers: int, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Shapes by checkpoint name."""
    embeddings = "transformer.word_embeddings"
    shapes: dict[str, tuple[int, ...]] = {f"{embeddings}.weight": (vocabulary, width)}
    norms = [f"{embeddings}_layernorm", "transformer.ln_f"]
    for layer in range(layers):
        prefix = f"transformer.h.{layer}"
        norms += [f"{prefix}.input_layernorm", f"{prefix}.post_attention_layernorm"]
        matrices = {
            "self_attention.query_key_value": (3 * width, width),
            "self_attention.dense": (width, width),
            "mlp.dense_h_to_4h": (4 * width, width),
            "mlp.dense_4h_to_h": (width, 4 * width),
        }
        for name, shape in matrices.items():
            shapes |= {f"{prefix}.{name}.weight": shape, f"{prefix}.{name}.bias": shape[:1]}
    return shapes | {f"{norm}.{part}": (width,) for norm in norms for part in ("weight", "bias")}


def write_safetensors(path: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str = "f16", seed: int = 0) -> None:
    """Random weights. They repeat after some millions, so that gigabytes are written as fast as the disk takes them."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + int(np.prod(shape)) * WIDTH[dtype]
        header[name] = {"dtype": SAFETENSORS[dtype], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pool = np.random.default_rng(seed).standard_normal(5_000_011, dtype=np.float32) * np.float32(0.02)
    bits = {"f16": pool.astype(np.float16), "f32": pool, "bf16": (pool.view(np.uint32) >> 16).astype(np.uint16)}[dtype]
    at = 0
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for shape in shapes.values():
            left = int(np.prod(shape))
            while left:
                n = min(left, bits.size - at)
                file.write(bits[at : at + n].data)
                at, left = (at + n) % bits.size, left - n


def llama_checkpoint(
    folder: Path,
    *,
    width: int = 256,
    ffn: int = 512,
    layers: int = 8,
    vocabulary: int = 320,
    heads: int = 8,
    kv_heads: int = 8,
    dtype: str = "f16",
    shards: int = 1,
) -> Path:
    """A LLaMA checkpoint folder."""
    folder.mkdir(exist_ok=True)
    shapes = llama_shapes(
        width=width, ffn=ffn, layers=layers, vocabulary=vocabulary, kv_width=width // heads * kv_heads
    )
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
    }
    (folder / "config.json").write_text(json.dumps(config))
    byte_tokenizer(folder, vocabulary)
    if shards == 1:
        write_safetensors(folder / "model.safetensors", shapes, dtype)
        return folder
    names = [f"model-{number:05}-of-{shards:05}.safetensors" for number in range(1, shards + 1)]
    index = {name: names[position * shards // len(shapes)] for position, name in enumerate(shapes)}
    for number, file in enumerate(names):
        write_safetensors(folder / file, {k: v for k, v in shapes.items() if index[k] == file}, dtype, seed=number)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return folder


def bloom_checkpoint(folder: Path, *, width: int = 256, layers: int = 8, vocabulary: int = 320) -> Path:
    """A BLOOM checkpoint folder with tied embeddings."""
    folder.mkdir(exist_ok=True)
    config = {
        "architectures": ["BloomForCausalLM"],
        "model_type": "bloom",
        "hidden_size": width,
        "n_head": 8,
        "n_layer": layers,
        "vocab_size": vocabulary,
        "seq_length": 256,
        "layer_norm_epsilon": 1e-5,
    }
    (folder / "config.json").write_text(json.dumps(config))
    byte_tokenizer(folder, vocabulary)
    write_safetensors(folder / "model.safetensors", bloom_shapes(width=width, layers=layers, vocabulary=vocabulary))
    return folder
