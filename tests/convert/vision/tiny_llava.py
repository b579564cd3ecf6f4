"""A LLaVA with random weights, and its picture embeddings from transformers and from libmtmd."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig

from tests.convert.checkpoints import byte_tokenizer

N_TOKENS, IMAGE, PATCH = 320, 56, 14
TOWER = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "image_size": IMAGE, "patch_size": PATCH,
}  # fmt: skip
CLIP, SIGLIP = CLIPVisionConfig, SiglipVisionConfig
MODELS: dict[str, tuple[type, dict[str, Any], dict[str, Any]]] = {
    "CLIP": (CLIP, {}, {}),
    "CLIP with GELU": (CLIP, {"hidden_act": "gelu"}, {}),
    "an earlier layer": (CLIP, {}, {"vision_feature_layer": -3}),
    "two layers": (CLIP, {}, {"vision_feature_layer": [1, 3]}),
    "a feed-forward layer as wide as the rest": (CLIP, {"intermediate_size": 64}, {}),
    "no bias in the projector": (CLIP, {}, {"multimodal_projector_bias": False}),
    "SigLIP": (SIGLIP, {}, {"vision_feature_select_strategy": "full"}),
}
"""Class of the vision configuration, and what the configurations of the tower and of the whole model change."""


def tiny_llava(name: str = "CLIP") -> LlavaForConditionalGeneration:
    tower, sizes, options = MODELS[name]
    text = LlamaConfig(
        vocab_size=N_TOKENS, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, bos_token_id=None, eos_token_id=N_TOKENS - 1,
    )  # fmt: skip
    config = LlavaConfig(vision_config=tower(**TOWER | sizes), text_config=text, image_token_index=7, **options)
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape) * 0.15
            parameter.copy_(noise if parameter.dim() > 1 else parameter + noise)
    return model


def saved(model: LlavaForConditionalGeneration, folder: Path) -> Path:
    model.save_pretrained(folder)
    byte_tokenizer(folder, N_TOKENS)
    return folder


def picture() -> np.ndarray:
    """RGB bytes, `[height, width, 3]`, as large as the encoder takes it, so that nobody scales it."""
    return np.random.default_rng(4).integers(0, 256, (IMAGE, IMAGE, 3), dtype=np.uint8)


def reference_embeddings(model: LlavaForConditionalGeneration, colours: Mapping[str, Any]) -> np.ndarray:
    """The projector's output in transformers, `[tokens, width]`; `colours` is the metadata of the mmproj.

    A class token is where llama.cpp has it.
    """
    _put_class_token_last(model)
    mean, deviation = (np.array(colours[key]) for key in ("clip.vision.image_mean", "clip.vision.image_std"))
    pixels = ((picture() / 255 - mean) / deviation).transpose(2, 0, 1)[None]
    with torch.no_grad():
        features = model.model.get_image_features(torch.tensor(pixels, dtype=torch.float32), return_dict=True)
    return np.concatenate([part.numpy() for part in features.pooler_output])


def _put_class_token_last(model: LlavaForConditionalGeneration) -> None:
    """As clip.cpp does: behind the patches, positions from 0 on, and all but the first token go to the projector."""
    embeddings = next((one for one in model.modules() if type(one).__name__ == "CLIPVisionEmbeddings"), None)
    if embeddings is None:
        return

    def forward(pixel_values: torch.Tensor, *_args: object, **_options: object) -> torch.Tensor:
        patches = embeddings.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
        class_token = embeddings.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([patches, class_token], dim=1) + embeddings.position_embedding.weight

    embeddings.forward = forward


def mtmd_embeddings(mmproj: Path, model: Path) -> np.ndarray:
    """The embeddings of the picture from libmtmd, `[tokens, width]`."""
    import llama_cpp
    from llama_cpp import mtmd_cpp as mtmd

    loaded = llama_cpp.llama_model_load_from_file(str(model).encode(), llama_cpp.llama_model_default_params())
    params = mtmd.mtmd_context_params_default()
    params.use_gpu, params.warmup, params.n_threads = False, False, 1
    context = mtmd.mtmd_init_from_file(str(mmproj).encode(), loaded, params)
    assert context, f"libmtmd does not load {mmproj}"
    pixels = np.ascontiguousarray(picture())
    bitmap = mtmd.mtmd_bitmap_init(IMAGE, IMAGE, pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
    chunks = mtmd.mtmd_input_chunks_init()
    text = mtmd.mtmd_input_text()
    text.text, text.add_special, text.parse_special = mtmd.mtmd_default_marker(), False, True
    if hasattr(text, "text_len"):
        text.text_len = len(mtmd.mtmd_default_marker())
    bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
    try:
        assert mtmd.mtmd_tokenize(context, chunks, ctypes.byref(text), bitmaps, 1) == 0
        all_chunks = [mtmd.mtmd_input_chunks_get(chunks, i) for i in range(mtmd.mtmd_input_chunks_size(chunks))]
        (of_picture,) = [chunk for chunk in all_chunks if mtmd.mtmd_input_chunk_get_type(chunk) == 1]
        n_tokens = mtmd.mtmd_input_chunk_get_n_tokens(of_picture)
        assert mtmd.mtmd_encode_chunk(context, of_picture) == 0
        width = llama_cpp.llama_model_n_embd(loaded)
        values = np.ctypeslib.as_array(mtmd.mtmd_get_output_embd(context), (n_tokens * width,))
        return values.reshape(n_tokens, width).copy()
    finally:
        mtmd.mtmd_input_chunks_free(chunks)
        mtmd.mtmd_bitmap_free(bitmap)
        mtmd.mtmd_free(context)
        llama_cpp.llama_model_free(loaded)
