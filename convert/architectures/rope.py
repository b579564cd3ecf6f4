"""Rotary position embedding: what config.json says about it, in all its spellings, and what llama.cpp needs to know.

Until transformers 4, `rope_theta` and `rope_scaling` stood side by side; since 5 both are in `rope_parameters`, which
models with two kinds of layers divide once more by kind.

llama.cpp reads a few of the options for each kind of scaling and is silent about the rest, so an option passes only if
it is in the table of those it hears, says what llama.cpp does anyway, or is one that nobody reads.
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

# The options that reach llama.cpp, by type of scaling: as metadata, or as a tensor of divisors (llama3).
_HEARD: Mapping[str, frozenset[str]] = {
    "default": frozenset(),
    "dynamic": frozenset({"factor"}),
    "linear": frozenset({"factor"}),
    "llama3": frozenset({"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}),
    "yarn": frozenset({"factor", "attention_factor", "mscale", "mscale_all_dim", "original_max_position_embeddings"}),
}
GENERAL_TYPES = frozenset(_HEARD) - {"llama3"}
"""What every rotary graph of llama.cpp computes; divisors per frequency are loaded by some architectures only."""

# Values that say what llama.cpp computes without being told.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "factor": (1,),
    "attention_factor": (1,),
    "beta_fast": (32, 0),
    "beta_slow": (1, 0),
    "partial_rotary_factor": (1,),
    "truncate": (True,),
}
# Read by neither: a trainer's remark, and the length before scaling where the formula does without.
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
        kind: of the layers, where `rope_parameters` is divided by kind.
        title: the architecture's, for messages.
        types: the kinds of scaling that llama.cpp computes for the architecture.
        theta: the architecture's base, when nothing says it.

    Raises KnownError("bad_config", "unsupported_option"): the first option that llama.cpp would not hear, by name.
    """
    key = "rope_parameters" if config.get("rope_parameters") else "rope_scaling"
    found = dict(_given(config, key, kind))
    found["rope_type"] = str(found.get("rope_type") or found.get("type") or "default").lower()
    found["rope_theta"] = number(found, "rope_theta", default=number(config, "rope_theta", default=theta))
    if found["rope_type"] not in types:
        raise unsupported("rope_type", found["rope_type"], title)
    only(config, "partial_rotary_factor", 1, title=title)
    heard = _HEARD[found["rope_type"]]
    for option, value in found.items():
        if not (value is None or option in heard or option in _IDLE or value in _NEUTRAL.get(option, ())):
            raise unsupported(f"{option} of {key} ({found['rope_type']})", value, title)
    return found


def _given(config: Mapping[str, Any], key: str, kind: str) -> Mapping[str, Any]:
    given = config.get(key) or {}
    if is_divided(given):
        given = given.get(kind) or {}
    other = (config.get("rope_scaling") or {}) if key == "rope_parameters" and kind == FULL else {}
    for name, value in (("rope_scaling", other), (key, given)):
        if not isinstance(value, Mapping):
            raise KnownError("bad_config", f"config.json says {name} is {short_repr(value)}; it must be an object.")
    if {**given, **other} != given:
        raise KnownError(
            "bad_config",
            f"config.json says two things about the rotary embedding: {key} {short_repr(given)}, "
            f"rope_scaling {short_repr(other)}.",
            "Remove the one that the model was not trained with.",
        )
    return given


def check_layer_kinds(config: Mapping[str, Any], title: str) -> list[str]:
    """`layer_types`, [] where they are not listed. Raises KnownError("unsupported_option") for an unknown kind."""
    kinds = config.get("layer_types") or []
    if not isinstance(kinds, list) or not all(kind in (FULL, SLIDING) for kind in kinds):
        raise unsupported("layer_types", kinds, title)
    return kinds


def is_divided(given: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether these parameters are divided by kind of layer."""
    return isinstance(given, Mapping) and (FULL in given or SLIDING in given)


def refuse_unlike_kinds(config: Mapping[str, Any], title: str) -> None:
    """For graphs that turn all layers alike. Raises KnownError("unsupported_option") where two kinds differ."""
    given = config.get("rope_parameters")
    if is_divided(given) and given.get(SLIDING) not in (None, given.get(FULL)):
        raise unsupported("rope_parameters", given, title)


def rope_metadata(
    name: str, config: Mapping[str, Any], rope: Mapping[str, Any], notes: list[str] | None
) -> list[KeyValue]:
    """The `<name>.rope.*` entries, without the dimension.

    Args:
        name: the architecture's.
        config: config.json, for the context length.
        rope: what `rope_parameters` returned.
        notes: gets a sentence about everything a person should know.

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
    """Tokens before scaling. transformers believes config.json itself before the options of the scaling."""
    stated = whole(rope, "original_max_position_embeddings", default=whole(config, "max_position_embeddings"))
    return whole(config, "original_max_position_embeddings", default=stated)


def yarn_attention_factor(rope: Mapping[str, Any]) -> float:
    """What the rotated values are multiplied by, as a multiple of the factor that llama.cpp applies by itself.

    That is 0.1 ln(factor) + 1 (YaRN, arXiv 2309.00071, equation 15); `mscale` and `mscale_all_dim` count together only.
    """

    def magnitude(mscale: float) -> float:
        factor = number(rope, "factor")
        return 0.1 * mscale * math.log(factor) + 1 if factor > 1 else 1.0

    if rope.get("attention_factor") is not None:
        told = number(rope, "attention_factor")
    elif rope.get("mscale") and rope.get("mscale_all_dim"):
        told = magnitude(number(rope, "mscale")) / magnitude(number(rope, "mscale_all_dim"))
    else:
        return 1.0
    return told / magnitude(1.0)


def llama3_factors(config: Mapping[str, Any], rope: Mapping[str, Any], head_dim: int) -> NDArray[np.float32] | None:
    """Llama 3.1's divisors of each frequency, `[head_dim / 2]`; None for models without.

    High frequencies stay, low ones are divided by `factor`, those between are blended (Llama 3.1 model card; the same
    numbers as `rope_type: llama3` in transformers).
    """
    if rope["rope_type"] != "llama3":
        return None
    factor = number(rope, "factor")
    low, high = number(rope, "low_freq_factor"), number(rope, "high_freq_factor")
    if high <= low:
        raise KnownError("bad_config", f"config.json: high_freq_factor {high} must be above low_freq_factor {low}.")
    frequency = rope["rope_theta"] ** -(np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    turns = original_length(config, rope) * frequency / (2 * math.pi)
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return np.asarray(1 / ((1 - smooth) / factor + smooth), dtype=np.float32)
