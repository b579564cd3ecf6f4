"""An adapter that is to run on top of a GPTQ base in act-order: what moved in the base has to move in the adapter.

Converting such a base puts the columns of some layers into another order, and the rows of the layers before them
(`convert.gptq.view`). The adapter's matrices were trained in the checkpoint's order: the columns of its A and the rows
of its B follow. Which order that is stands in the checkpoint's `g_idx` alone.
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
from convert.gptq.view import FOLDABLE, is_quantized, view
from convert.lora.adapter import Delta

Order = NDArray[np.intp]


@dataclass(frozen=True)
class Moved:
    """What moved in the base, by the architecture's short name of the weight: orders of columns, and of rows."""

    columns: Mapping[str, Order]
    rows: Mapping[str, Order]

    def applied(self, delta: Delta, weight: str) -> Delta:
        """`delta`, of the weight with that short name, in the order of the base's GGUF."""
        a = delta.a[:, self.columns[weight]] if weight in self.columns else delta.a
        b = delta.b[self.rows[weight]] if weight in self.rows else delta.b
        return replace(delta, a=a, b=b)


NOTHING_MOVED = Moved({}, {})


def moved_in_base(source: Path, config: Mapping[str, Any], architecture: Architecture) -> Moved:
    """What converting the base at `source` moves; nothing where only its config.json is there.

    Raises KnownError (`base_needed`) when the configuration says that the base is in act-order, but its weights, which
    alone tell the order, cannot be read.
    """
    try:
        with open_checkpoint(source) as checkpoint:
            return _moved(checkpoint, architecture)
    except KnownError as error:
        stated = config.get("quantization_config")
        if isinstance(stated, dict) and stated.get("desc_act"):
            raise KnownError(
                "base_needed",
                f"The base is quantized in act-order, and its weights cannot be read: {error.message}",
                "Converting it moves columns and rows, and the adapter's with them: give the folder with its weights.",
                path=str(source),
            ) from error
        return NOTHING_MOVED


def _moved(checkpoint: Checkpoint, architecture: Architecture) -> Moved:
    columns: dict[str, Order] = {}
    rows: dict[str, Order] = {}
    if is_quantized(checkpoint.tensors):
        for layer, order in view(checkpoint.tensors, {}).folded.items():
            parent, _, last = layer.rpartition(".")
            columns[architecture.short_name(layer + ".weight")] = order
            for before in FOLDABLE[last]:
                rows[architecture.short_name(f"{parent}.{before}.weight")] = order
    return Moved(columns, rows)
