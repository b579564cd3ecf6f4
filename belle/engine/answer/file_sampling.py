"""The sampling values that are recommended for a model: by its card, else by its file.

A file states them as `general.sampling.*` in its metadata, which llama.cpp reads, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from belle.engine.process.commands import Sampling
from belle.gguf.reader import GgufHeader

# Name in the file, field of `Sampling`, lowest and highest value that makes sense.
_STATED = (
    ("temp", "temperature", 0.0, 5.0),
    ("top_k", "top_k", 0, 100_000),
    ("top_p", "top_p", 0.0, 1.0),
    ("min_p", "min_p", 0.0, 1.0),
    ("penalty_repeat", "repeat_penalty", 0.1, 5.0),
    ("penalty_last_n", "repeat_last_n", 0, 1 << 16),
)


def recommended_sampling(header: GgufHeader, card: Mapping[str, float] | None) -> Sampling:
    """What the card recommends; without one what the file does, and our defaults for what neither says."""
    return Sampling(**card) if card else sampling_of_file(header, Sampling())  # type: ignore[arg-type]


def sampling_of_file(header: GgufHeader, base: Sampling) -> Sampling:
    """`base` with what the file states; values that make no sense are ignored."""
    changes: dict[str, float | int] = {}
    for key, name, low, high in _STATED:
        value = header.metadata.get(f"general.sampling.{key}")
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            continue
        if low <= value <= high:
            # A float32 in the file: 0.6 is 0.6000000238418579.
            changes[name] = int(value) if isinstance(low, int) else round(float(value), 4)
    return replace(base, **changes)  # type: ignore[arg-type]
