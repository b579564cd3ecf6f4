"""Small models in the files that BELLE published: BLOOM and LLaMA, quantized by an early GPTQ, saved by torch as `.pt`.

The layout is BELLE's own: no `g_idx`, 32-bit scales, zero points stored minus one, a bias with every layer, and neither
bits nor group size written anywhere.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from convert.gptq import word_packing
from tests.convert.checkpoint.building import torch_zip
from tests.convert.checkpoints import bloom_shapes, byte_tokenizer, llama_shapes

WEIGHTS = "bloom7b-2m-4bit-128g.pt"
GROUP = 128


def belle_bloom(*, width: int = 256, layers: int = 2, vocabulary: int = 320, bits: int = 4) -> dict[str, bytes]:
    """The repository's files by name. Widths are multiples of 256."""
    rng = np.random.default_rng(11)
    tensors: dict[str, np.ndarray] = {}
    shapes = bloom_shapes(width=width, layers=layers, vocabulary=vocabulary)
    for name, shape in shapes.items():
        layer = name.removesuffix(".weight")
        if len(shape) == 2 and name.startswith("transformer.h."):
            tensors |= _quantized(rng, layer, shape, bits)
        elif len(shape) == 1 and name.endswith(".weight"):
            tensors[name] = np.ones(shape, np.float32)
        else:
            tensors[name] = rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02)
    weights = WEIGHTS.replace("4bit", f"{bits}bit")
    return {weights: torch_zip(tensors), **bloom_texts(width=width, layers=layers, vocabulary=vocabulary)}


def belle_llama(*, width: int = 256, layers: int = 2, vocabulary: int = 320, bits: int = 4) -> dict[str, bytes]:
    """The same of LLaMA: 16-bit embeddings, and a bias of zeros with every layer that GPTQ quantized."""
    rng = np.random.default_rng(12)
    tensors: dict[str, np.ndarray] = {}
    shapes = llama_shapes(width=width, ffn=2 * width, layers=layers, vocabulary=vocabulary, kv_width=width)
    for name, shape in shapes.items():
        layer = name.removesuffix(".weight")
        if "_proj" in name:
            tensors |= _quantized(rng, layer, shape, bits) | {f"{layer}.bias": np.zeros(shape[0], np.float32)}
        elif len(shape) == 1:
            tensors[name] = np.ones(shape, np.float16)
        else:
            tensors[name] = (rng.standard_normal(shape) * 0.02).astype(np.float16)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "vocab_size": vocabulary,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
    }
    texts = {"config.json": json.dumps(config).encode(), **tokenizer_files(vocabulary)}
    return {f"llama7b-2m-{bits}bit-128g.pt": torch_zip(tensors), **texts}


def bloom_texts(*, width: int, layers: int, vocabulary: int) -> dict[str, bytes]:
    """Configuration, tokenizer and model card."""
    config = {
        "architectures": ["BloomForCausalLM"],
        "model_type": "bloom",
        "hidden_size": width,
        "n_head": 8,
        "n_layer": layers,
        "vocab_size": vocabulary,
        "seq_length": 2048,
        "layer_norm_epsilon": 1e-5,
    }
    return {
        "config.json": json.dumps(config).encode(),
        **tokenizer_files(vocabulary),
        "README.md": b"---\nlicense: apache-2.0\nlanguage:\n- zh\n- en\n---\n# A model card\n",
    }


def tokenizer_files(vocabulary: int) -> dict[str, bytes]:
    """tokenizer.json and tokenizer_config.json."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        byte_tokenizer(Path(folder), vocabulary)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _quantized(rng: np.random.Generator, layer: str, shape: tuple[int, ...], bits: int) -> dict[str, np.ndarray]:
    n_out, n_in = shape
    n_groups = -(-n_in // GROUP)
    middle = (1 << bits) / 2
    zeros = np.clip(np.rint(rng.normal(middle, 1, (n_groups, n_out))), 1, (1 << bits) - 1).astype(np.uint8)
    q = np.rint(rng.normal(zeros.repeat(GROUP, axis=0)[:n_in], middle / 3, (n_in, n_out)))
    q = np.clip(q, 0, (1 << bits) - 1).astype(np.uint8)
    return {
        f"{layer}.qweight": word_packing.pack(q, bits),
        f"{layer}.qzeros": word_packing.pack(np.ascontiguousarray((zeros - 1).T), bits).T.copy(),
        f"{layer}.scales": (rng.uniform(0.004, 0.008, (n_groups, n_out)) * 8 / middle).astype(np.float32),
    }
