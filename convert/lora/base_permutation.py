"""The rows and columns that converting an act-order GPTQ base moves, and an adapter for that base moved alike.

Converting such a base permutes the columns of some layers, and the rows of the layers before them
(`convert.gptq.act_order`). An adapter that runs on top of it was trained in the checkpoint's order, so the columns of
its A and the rows of its B are permuted in the same way. The order is known from the checkpoint's `g_idx` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.architectures import Architecture
from convert.checkpoint import Checkpoint, open_checkpoint
from convert.gptq.act_order import FEEDERS
from convert.gptq.checkpoint_view import is_quantized, view_quantized
from convert.lora.adapter import Delta

Order = NDArray[np.intp]


@dataclass(frozen=True)
class BasePermutation:
    """Orders of columns `[in_features]` and rows `[out_features]`, by the architecture's short name of the weight."""

    columns: Mapping[str, Order]
    rows: Mapping[str, Order]

    def applied(self, delta: Delta, weight: str) -> Delta:
        """`delta`, which changes the weight of that short name, in the order of the base's GGUF."""
        a = delta.a[:, self.columns[weight]] if weight in self.columns else delta.a
        b = delta.b[self.rows[weight]] if weight in self.rows else delta.b
        return replace(delta, a=a, b=b)


NO_PERMUTATION = BasePermutation({}, {})


def permutation_of_base(source: Path, config: Mapping[str, Any], architecture: Architecture) -> BasePermutation:
    """What converting the base at `source` permutes; nothing where only its config.json exists.

    Raises KnownError("base_needed") if the configuration says act-order and the weights, which alone hold the order,
    cannot be read.
    """
    try:
        with open_checkpoint(source) as checkpoint:
            return _permutation(checkpoint, architecture)
    except KnownError as error:
        stated = config.get("quantization_config")
        if isinstance(stated, dict) and stated.get("desc_act"):
            raise KnownError(
                "base_needed",
                f"The base is quantized in act-order, and its weights cannot be read: {error.message}",
                "Converting it moves columns and rows, and the adapter's with them: give the folder with its weights.",
                path=str(source),
            ) from error
        return NO_PERMUTATION


def _permutation(checkpoint: Checkpoint, architecture: Architecture) -> BasePermutation:
    columns: dict[str, Order] = {}
    rows: dict[str, Order] = {}
    if is_quantized(checkpoint.tensors):
        for layer, order in view_quantized(checkpoint.tensors, {}).folded.items():
            parent, _, last = layer.rpartition(".")
            columns[architecture.short_name(layer + ".weight")] = order
            for feeder in FEEDERS[last]:
                rows[architecture.short_name(f"{parent}.{feeder}.weight")] = order
    return BasePermutation(columns, rows)
