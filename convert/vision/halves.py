"""Divides the checkpoint of a model that sees: its language model, and its vision encoder with the projector.

transformers has changed the names twice: `language_model.model.layers` and `vision_tower.vision_model` of the first
releases are `model.language_model.layers` and `model.vision_tower` in later ones. Both are read.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.texts import short_repr
from convert.checkpoint import Checkpoint
from convert.rows.source import RowSource

_CLASSES = ("LlavaForConditionalGeneration",)
_MODEL_TYPES = ("llava",)
_TOWER = ("vision_tower.", "multi_modal_projector.")
_LANGUAGE = "language_model."

# The class of the language model by its model_type, and the values of transformers' configurations: they are left out
# of config.json where a model has them.
_TEXT_CLASSES: Mapping[str, str] = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "llama": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32000,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
    },
    "mistral": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-6,
    },
    "qwen2": {
        "hidden_size": 4096,
        "intermediate_size": 22016,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "vocab_size": 151936,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
    },
}


def sees(config: Mapping[str, Any]) -> bool:
    """Whether config.json is that of a model with a vision encoder that can be converted."""
    named = config.get("architectures")
    if isinstance(named, list) and named:
        return any(name in _CLASSES for name in named)
    return config.get("model_type") in _MODEL_TYPES


def language_model(checkpoint: Checkpoint) -> Checkpoint:
    """The language model of a checkpoint as a checkpoint of its own; one that does not see is returned as it is.

    It shares the open files, so it must not be closed. Raises KnownError("bad_config", "unknown_architecture").
    """
    if not sees(checkpoint.config):
        return checkpoint
    half = copy.copy(checkpoint)
    half.config = _text_config(checkpoint.config)
    names = {name: _divided(name) for name in checkpoint.tensors}
    half.tensors = {
        short: checkpoint.tensors[name] for name, (is_tower, short) in names.items() if not is_tower
    }  # fmt: skip
    return half


def tower_tensors(checkpoint: Checkpoint) -> dict[str, RowSource]:
    """The tensors of the vision encoder and the projector, by the names that `convert.vision.towers` uses."""
    names = {name: _divided(name) for name in checkpoint.tensors}
    return {short: checkpoint.tensors[name] for name, (is_tower, short) in names.items() if is_tower}


def tower_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the vision encoder, with what the whole model says of the projector.

    Raises KnownError("bad_config").
    """
    text = _text_config(config)
    whole_model = {key: value for key, value in config.items() if key.startswith(("vision_feature", "multimodal_"))}
    return {
        **_part(config, "vision_config"),
        **whole_model,
        "projector_hidden_act": config.get("projector_hidden_act", "gelu"),
        "projection_dim": text.get("hidden_size"),
    }


def mmproj_path(out: Path, kind: str) -> Path:
    """The file of the vision encoder, beside that of the language model at `out`."""
    return out.with_name(f"mmproj-{out.name.replace('{type}', kind)}")


def _divided(name: str) -> tuple[bool, str]:
    """Whether a tensor belongs to the vision encoder or the projector, and its name without the parts that vary."""
    inner = name.removeprefix("model.")
    if inner.startswith(_TOWER):
        return True, inner.removeprefix("vision_tower.").removeprefix("vision_model.")
    if not inner.startswith(_LANGUAGE):
        return False, name
    short = inner.removeprefix(_LANGUAGE)
    return False, short if short.startswith(("model.", "lm_head.")) else f"model.{short}"


def _text_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of the language model alone. What is stated beside it counts where it says nothing."""
    text = _part(config, "text_config")
    kind = str(text.get("model_type") or "llama")
    if kind not in _TEXT_CLASSES:
        raise KnownError(
            "unknown_architecture",
            f"The language model of this checkpoint is a {short_repr(kind)}, which cannot be converted with a vision "
            "encoder.",
            f"The known ones are {', '.join(_TEXT_CLASSES)}. The vision encoder alone is written with --mmproj-only.",
            architecture=kind,
        )
    shared = {key: config[key] for key in ("tie_word_embeddings", "eos_token_id", "bos_token_id") if key in config}
    named = {"model_type": kind, "architectures": [_TEXT_CLASSES[kind]]}
    return {**_DEFAULTS.get(kind, {}), **shared, **text, **named}


def _part(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = config.get(key)
    if not isinstance(part, Mapping):
        raise KnownError(
            "bad_config", f"config.json has no {key}.", "The config.json of the original model is needed.", name=key
        )
    return dict(part)
