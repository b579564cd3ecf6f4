"""Rotary position embedding (RoPE): its parameters in config.json, in all spellings, and as metadata for llama.cpp.

Up to transformers 4, `rope_theta` and `rope_scaling` are two keys; since 5 both are in `rope_parameters`, which models
with two kinds of layers divide by kind.

llama.cpp reads a few options of each type of scaling and silently ignores others. So an option is accepted only if
llama.cpp reads it, if its value is what llama.cpp computes anyway, or if nobody reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.texts import short_repr
from convert.architectures.config import number, only, unsupported, whole
from convert.metadata import KeyValue, count, real, text

FULL, SLIDING = "full_attention", "sliding_attention"

# By type of scaling the options that llama.cpp reads: from the metadata, or as a tensor of divisors (llama3).
_READ: Mapping[str, frozenset[str]] = {
    "default": frozenset(),
    "dynamic": frozenset({"factor"}),
    "linear": frozenset({"factor"}),
    "llama3": frozenset({"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}),
    "yarn": frozenset({"factor", "attention_factor", "mscale", "mscale_all_dim", "original_max_position_embeddings"}),
}
GENERAL_TYPES = frozenset(_READ) - {"llama3"}
"""The types that llama.cpp computes for every architecture; a tensor of divisors is loaded by only some."""

# Values of what llama.cpp computes by default.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "factor": (1,),
    "attention_factor": (1,),
    "beta_fast": (32, 0),
    "beta_slow": (1, 0),
    "partial_rotary_factor": (1,),
    "truncate": (True,),
}
# Read by nobody: a note of a trainer, and the length before scaling in types whose formula does not use it.
_IDLE = frozenset({"rope_theta", "rope_type", "type", "finetuned", "original_max_position_embeddings"})


def rope_parameters(
    config: Mapping[str, Any],
    kind: str = FULL,
    *,
    title: str,
    types: frozenset[str] = GENERAL_TYPES,
    theta: float = 10000.0,
) -> dict[str, Any]:
    """Everything about the rotary embedding of layers of this kind, `rope_type` and `rope_theta` always included.

    Args:
        config: config.json.
        kind: of the layers, if `rope_parameters` is divided by kind.
        title: of the architecture, for messages.
        types: the types of scaling that llama.cpp computes for the architecture.
        theta: the architecture's default of `rope_theta`.

    Raises KnownError("bad_config", "unsupported_option") naming the first option that llama.cpp would ignore.
    """
    key = "rope_parameters" if config.get("rope_parameters") else "rope_scaling"
    rope = dict(_stated(config, key, kind))
    rope["rope_type"] = str(rope.get("rope_type") or rope.get("type") or "default").lower()
    rope["rope_theta"] = number(rope, "rope_theta", default=number(config, "rope_theta", default=theta))
    if rope["rope_type"] not in types:
        raise unsupported("rope_type", rope["rope_type"], title)
    only(config, "partial_rotary_factor", 1, title=title)
    read = _READ[rope["rope_type"]]
    for option, value in rope.items():
        if not (value is None or option in read or option in _IDLE or value in _NEUTRAL.get(option, ())):
            raise unsupported(f"{option} of {key} ({rope['rope_type']})", value, title)
    return rope


def _stated(config: Mapping[str, Any], key: str, kind: str) -> Mapping[str, Any]:
    """The value of `key` for layers of this kind. Raises KnownError("bad_config") if the other key contradicts it."""
    stated = config.get(key) or {}
    if is_by_kind(stated):
        stated = stated.get(kind) or {}
    other = (config.get("rope_scaling") or {}) if key == "rope_parameters" and kind == FULL else {}
    for name, value in (("rope_scaling", other), (key, stated)):
        if not isinstance(value, Mapping):
            raise KnownError("bad_config", f"config.json says {name} is {short_repr(value)}; it must be an object.")
    if {**stated, **other} != stated:
        raise KnownError(
            "bad_config",
            f"config.json says two things about the rotary embedding: {key} {short_repr(stated)}, "
            f"rope_scaling {short_repr(other)}.",
            "Remove the one that the model was not trained with.",
        )
    return stated


def check_layer_kinds(config: Mapping[str, Any], title: str) -> list[str]:
    """`layer_types`; [] if they are not listed. Raises KnownError("unsupported_option") for an unknown kind."""
    kinds = config.get("layer_types") or []
    if not isinstance(kinds, list) or not all(kind in (FULL, SLIDING) for kind in kinds):
        raise unsupported("layer_types", kinds, title)
    return kinds


def is_by_kind(parameters: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether `rope_parameters` are divided by kind of layer."""
    return isinstance(parameters, Mapping) and (FULL in parameters or SLIDING in parameters)


def refuse_unlike_kinds(config: Mapping[str, Any], title: str) -> None:
    """Raise KnownError("unsupported_option") if kinds of layers differ, for graphs that rotate all layers alike."""
    stated = config.get("rope_parameters")
    if is_by_kind(stated) and stated.get(SLIDING) not in (None, stated.get(FULL)):
        raise unsupported("rope_parameters", stated, title)


def rope_metadata(
    name: str, config: Mapping[str, Any], rope: Mapping[str, Any], notes: list[str] | None
) -> list[KeyValue]:
    """The `<name>.rope.*` entries, without the dimension.

    Args:
        name: of the architecture.
        config: config.json, for the context length.
        rope: as `rope_parameters` returns it.
        notes: gets sentences for the report.

    Raises KnownError("bad_config").
    """
    entries = [real(f"{name}.rope.freq_base", rope["rope_theta"])]
    scaling = f"{name}.rope.scaling"
    match rope["rope_type"]:
        case "linear":
            entries += [text(f"{scaling}.type", "linear"), real(f"{scaling}.factor", number(rope, "factor"))]
        case "yarn":
            entries += [text(f"{scaling}.type", "yarn"), real(f"{scaling}.factor", number(rope, "factor"))]
            entries.append(count(f"{scaling}.original_context_length", original_length(config, rope)))
            attention = yarn_attention_factor(rope)
            if attention != 1:
                entries.append(real(f"{scaling}.attn_factor", attention))
        case "dynamic" if notes is not None:
            notes.append(
                "The rotary embedding scales itself beyond the context length (dynamic NTK); "
                "llama.cpp does not, so the model is good up to its context length."
            )
    return entries


def original_length(config: Mapping[str, Any], rope: Mapping[str, Any]) -> int:
    """The context length before scaling, in tokens. As in transformers, config.json's own key wins."""
    stated = whole(rope, "original_max_position_embeddings", default=whole(config, "max_position_embeddings"))
    return whole(config, "original_max_position_embeddings", default=stated)


def yarn_attention_factor(rope: Mapping[str, Any]) -> float:
    """The factor of the rotated values, as a multiple of the factor that llama.cpp applies by default.

    The default is 0.1 ln(factor) + 1 (YaRN, arXiv 2309.00071, equation 15); `mscale` and `mscale_all_dim` count only
    together.
    """

    def magnitude(mscale: float) -> float:
        factor = number(rope, "factor")
        return 0.1 * mscale * math.log(factor) + 1 if factor > 1 else 1.0

    if rope.get("attention_factor") is not None:
        stated = number(rope, "attention_factor")
    elif rope.get("mscale") and rope.get("mscale_all_dim"):
        stated = magnitude(number(rope, "mscale")) / magnitude(number(rope, "mscale_all_dim"))
    else:
        return 1.0
    return stated / magnitude(1.0)


def llama3_factors(config: Mapping[str, Any], rope: Mapping[str, Any], head_dim: int) -> NDArray[np.float32] | None:
    """Llama 3.1's divisor of each frequency, `[head_dim / 2]`; None for models without scaling of this type.

    High frequencies stay, low ones are divided by `factor`, those between are interpolated (Llama 3.1 model card; as
    `rope_type: llama3` in transformers).
    """
    if rope["rope_type"] != "llama3":
        return None
    factor = number(rope, "factor")
    low, high = number(rope, "low_freq_factor"), number(rope, "high_freq_factor")
    if high <= low:
        raise KnownError("bad_config", f"config.json: high_freq_factor {high} must be above low_freq_factor {low}.")
    frequency = rope["rope_theta"] ** -(np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)  # [head_dim / 2]
    # How often a pair of values turns around within the original context, and the weight of the unscaled frequency.
    turns = original_length(config, rope) * frequency / (2 * math.pi)
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return np.asarray(1 / ((1 - smooth) / factor + smooth), dtype=np.float32)
