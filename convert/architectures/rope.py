"""Rotary position embedding: what config.json says about it, in all its spellings, and what llama.cpp needs to know.

Until transformers 4, `rope_theta` and `rope_scaling` stood side by side; since 5 both are in `rope_parameters`, which
models with two kinds of layers divide once more by kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.architectures.config import number, only, unsupported, whole
from convert.metadata import KeyValue, count, real, text


def rope_parameters(config: Mapping[str, Any], kind: str = "full_attention") -> dict[str, Any]:
    """Everything about the rotary embedding of layers of this kind, `rope_type` and `rope_theta` always included.

    Raises KnownError("bad_config").
    """
    given = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if isinstance(given, Mapping) and ("full_attention" in given or "sliding_attention" in given):
        given = given.get(kind) or {}
    if not isinstance(given, Mapping):
        raise KnownError("bad_config", f"config.json says rope_scaling is {given!r}; it must be an object.")
    found = dict(given)
    found["rope_type"] = str(found.get("rope_type") or found.get("type") or "default").lower()
    found["rope_theta"] = number(found, "rope_theta", default=number(config, "rope_theta", default=10000.0))
    return found


def rope_metadata(name: str, config: Mapping[str, Any], title: str, notes: list[str] | None) -> list[KeyValue]:
    """The `<name>.rope.*` entries, without the dimension. Raises KnownError("bad_config", "unsupported_option")."""
    only(config, "partial_rotary_factor", 1, title=title)
    rope = rope_parameters(config)
    entries = [real(f"{name}.rope.freq_base", rope["rope_theta"])]
    scaling = f"{name}.rope.scaling"
    match rope["rope_type"]:
        case "default" | "llama3":  # the second is a tensor of its own
            pass
        case "linear":
            entries += [text(f"{scaling}.type", "linear"), real(f"{scaling}.factor", number(rope, "factor"))]
        case "yarn":
            original = whole(rope, "original_max_position_embeddings", default=_original_length(config))
            entries += [text(f"{scaling}.type", "yarn"), real(f"{scaling}.factor", number(rope, "factor"))]
            entries.append(count(f"{scaling}.original_context_length", original))
            given = {
                "attention_factor": "yarn_attn_factor",
                "beta_fast": "yarn_beta_fast",
                "beta_slow": "yarn_beta_slow",
            }
            entries += [real(f"{scaling}.{ours}", number(rope, key)) for key, ours in given.items() if rope.get(key)]
        case "dynamic":
            if notes is not None:
                notes.append(
                    "The rotary embedding scales itself beyond the context length (dynamic NTK); "
                    "llama.cpp does not, so the model is good up to its context length."
                )
        case other:
            raise unsupported("rope_type", other, title)
    return entries


def llama3_factors(config: Mapping[str, Any], head_dim: int) -> NDArray[np.float32] | None:
    """Llama 3.1's divisors of each frequency, `[head_dim / 2]`; None for models without.

    High frequencies stay, low ones are divided by `factor`, those between are blended (Llama 3.1 model card; the same
    numbers as `rope_type: llama3` in transformers).
    """
    rope = rope_parameters(config)
    if rope["rope_type"] != "llama3":
        return None
    factor = number(rope, "factor")
    low, high = number(rope, "low_freq_factor"), number(rope, "high_freq_factor")
    original = whole(rope, "original_max_position_embeddings")
    if high <= low:
        raise KnownError("bad_config", f"config.json: high_freq_factor {high} must be above low_freq_factor {low}.")
    frequency = rope["rope_theta"] ** -(np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    turns = original * frequency / (2 * math.pi)
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return np.asarray(1 / ((1 - smooth) / factor + smooth), dtype=np.float32)


def _original_length(config: Mapping[str, Any]) -> int:
    return whole(config, "original_max_position_embeddings", "max_position_embeddings")
