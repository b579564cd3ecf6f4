"""A vision encoder with random weights: a CLIP tower and LLaVA's projector, for llama.cpp and for transformers.

Without CLIP's class token: llama.cpp has it behind the patches, and then leaves out the first patch in its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

IMAGE_SIZE, PATCH_SIZE = 56, 14
N_PICTURE_TOKENS = (IMAGE_SIZE // PATCH_SIZE) ** 2
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of OpenAI's CLIP
_WIDTH, _N_FF, _N_LAYERS, _N_HEADS = 64, 128, 4, 4
_EPS = 1e-5

_LAYER = {
    "layer_norm1": "ln1",
    "layer_norm2": "ln2",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.out_proj": "attn_out",
    # llama.cpp's first converter called them by what follows: its file's `ffn_down` is fc1.
    "mlp.fc1": "ffn_down",
    "mlp.fc2": "ffn_up",
}


def vision_tower() -> nn.Module:
    """A CLIP vision model with fixed random weights."""
    import torch
    from transformers import CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(
        hidden_size=_WIDTH,
        intermediate_size=_N_FF,
        num_hidden_layers=_N_LAYERS,
        num_attention_heads=_N_HEADS,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        hidden_act="quick_gelu",
    )
    torch.manual_seed(7)
    return CLIPVisionModel(config).eval()


def seen_by(tower: Any, pixels: NDArray[np.uint8], n_embd: int, scale: float) -> Any:
    """The embeddings of a picture `[n_tokens, n_embd]`: the tower's last layer but one, through the projector.

    Args:
        tower: `vision_tower()`.
        pixels: RGB `[IMAGE_SIZE, IMAGE_SIZE, 3]`.
    """
    import torch
    from torch.nn.functional import gelu

    first, bias, second, last_bias = map(torch.tensor, projector(n_embd, scale))
    with torch.no_grad():
        normal = (torch.tensor(pixels) / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        patches = tower.embeddings.patch_embedding(normal.permute(2, 0, 1)[None].float()).flatten(2).transpose(1, 2)
        hidden = tower.pre_layrnorm(patches + tower.embeddings.position_embedding.weight[1:])
        for layer in tower.encoder.layers[:-1]:
            output = layer(hidden, attention_mask=None)
            hidden = output[0] if isinstance(output, tuple) else output
        return gelu(hidden[0] @ first.T + bias) @ second.T + last_bias


def projector(n_embd: int, scale: float) -> list[NDArray[np.float32]]:
    """Weights and biases of LLaVA's two layers: `[n_embd, width]`, `[n_embd]`, `[n_embd, n_embd]`, `[n_embd]`.

    `scale` brings the embeddings to about the size of a token's.
    """
    rng = np.random.default_rng(8)
    first = rng.standard_normal((n_embd, _WIDTH)) * _WIDTH**-0.5
    second = rng.standard_normal((n_embd, n_embd)) * n_embd**-0.5 * scale
    biases = np.zeros(n_embd), np.zeros(n_embd)
    return [array.astype(np.float32) for array in (first, biases[0], second, biases[1])]


def write_mmproj(path: Path, n_embd: int, *, scale: float = 0.3, state: dict[str, Any] | None = None) -> Path:
    """Write the encoder as llama.cpp's clip.cpp reads it, in F32.

    Args:
        n_embd: of the language model.
        state: of `vision_tower()`; None for random numbers of the same shapes, which need no torch.
    """
    writer = GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", False)
    writer.add_bool("clip.use_silu", False)
    for key, number in {
        "image_size": IMAGE_SIZE,
        "patch_size": PATCH_SIZE,
        "embedding_length": _WIDTH,
        "feed_forward_length": _N_FF,
        "projection_dim": n_embd,
        "block_count": _N_LAYERS,
        "attention.head_count": _N_HEADS,
    }.items():
        writer.add_uint32(f"clip.vision.{key}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", _EPS)
    writer.add_array("clip.vision.image_mean", list(MEAN))
    writer.add_array("clip.vision.image_std", list(STD))
    for name, array in (_tensors(state) if state is not None else _random_tensors()).items():
        writer.add_tensor(name, np.ascontiguousarray(array, np.float32), raw_dtype=GGMLQuantizationType.F32)
    names = ("mm.0.weight", "mm.0.bias", "mm.2.weight", "mm.2.bias")
    for name, array in zip(names, projector(n_embd, scale), strict=True):
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(state: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    tensors = {}
    for name, value in state.items():
        plain = name.removeprefix("vision_model.").removesuffix(".weight").removesuffix(".bias")
        kind = name.rpartition(".")[2]
        if plain.startswith("encoder.layers."):
            _, _, layer, part = plain.split(".", 3)
            tensors[f"v.blk.{layer}.{_LAYER[part]}.{kind}"] = value.numpy()
    rest = {name.removeprefix("vision_model."): value.numpy() for name, value in state.items()}
    return tensors | {
        "v.patch_embd.weight": rest["embeddings.patch_embedding.weight"],
        "v.position_embd.weight": rest["embeddings.position_embedding.weight"][1:],
        "v.pre_ln.weight": rest["pre_layrnorm.weight"],
        "v.pre_ln.bias": rest["pre_layrnorm.bias"],
    }


def _random_tensors() -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(9)

    def noise(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape).astype(np.float32) * np.float32(0.05)

    tensors = {
        "v.patch_embd.weight": noise(_WIDTH, 3, PATCH_SIZE, PATCH_SIZE),
        "v.position_embd.weight": noise(N_PICTURE_TOKENS, _WIDTH),
    }
    tensors |= {"v.pre_ln.weight": 1 + noise(_WIDTH), "v.pre_ln.bias": noise(_WIDTH)}
    for layer in range(_N_LAYERS):
        for part in _LAYER.values():
            rows, columns = {"ffn_down": (_N_FF, _WIDTH), "ffn_up": (_WIDTH, _N_FF)}.get(part, (_WIDTH, _WIDTH))
            weight = 1 + noise(_WIDTH) if part.startswith("ln") else noise(rows, columns)
            tensors[f"v.blk.{layer}.{part}.weight"] = weight
            tensors[f"v.blk.{layer}.{part}.bias"] = noise(rows)
    return tensors
