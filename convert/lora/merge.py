"""Adapters merged while rows are read: `W + scale * B A`, in float32, a run of rows at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.lora.adapter import Adapter, Delta
from convert.source import RowSource


class MergedRows(RowSource):
    """A weight with one adapter's change added. For DoRA every row is scaled to its learned length."""

    dtype = "f32"

    def __init__(self, base: RowSource, delta: Delta) -> None:
        self.name = base.name
        self.shape = base.shape
        self._base = base
        self._delta = delta

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        delta = self._delta
        merged = self._base.float_rows(start, stop) + delta.scale * (delta.b[start:stop] @ delta.a)
        if delta.magnitude is not None:
            length = np.linalg.norm(merged, axis=1, keepdims=True)
            merged *= delta.magnitude[start:stop, None] / np.maximum(length, np.finfo(np.float32).tiny)
        return merged.astype(np.float32, copy=False)


def merge(tensors: Mapping[str, RowSource], adapters: Sequence[Adapter]) -> dict[str, RowSource]:
    """The base's tensors with every adapter applied, in the order given.

    Raises KnownError: `adapter_mismatch` when a layer is not in the base or has another shape there.
    """
    merged = dict(tensors)
    for adapter in adapters:
        for whole, source in adapter.replaced.items():
            name = _find(whole, merged, adapter)
            if merged[name].shape != source.shape:
                shapes = f"{list(source.shape)} in the adapter and {list(merged[name].shape)} in the base"
                raise _mismatch(adapter, f"{whole} is {shapes}", whole)
            merged[name] = source
        for layer, delta in adapter.deltas.items():
            name = _find(layer + ".weight", merged, adapter)
            base = merged[name]
            if base.shape != delta.shape:
                raise _mismatch(
                    adapter, f"{layer} is {list(delta.shape)} in the adapter and {list(base.shape)} in the base", layer
                )
            merged[name] = MergedRows(base, delta)
    return merged


def _find(name: str, tensors: Mapping[str, RowSource], adapter: Adapter) -> str:
    """The base's name for an adapter's: the same, or the only one that ends in it or that it ends in."""
    if name in tensors:
        return name
    near = [n for n in tensors if n.endswith("." + name) or name.endswith("." + n)]
    if len(near) == 1:
        return near[0]
    raise _mismatch(adapter, f"{name} is not in the base", name)


def _mismatch(adapter: Adapter, what: str, tensor: str) -> KnownError:
    trained_on = f" It was trained on {adapter.base}." if adapter.base else ""
    return KnownError(
        "adapter_mismatch",
        f"The adapter {adapter.folder} does not belong to this base: {what}.{trained_on}",
        "Convert with the base model that the adapter was trained on.",
        path=str(adapter.folder),
        tensor=tensor,
    )
