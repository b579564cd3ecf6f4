"""Adapters merged while rows are read: `W + scale * B A`, in float32, a run of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf.writer import KeyValue
from convert.checkpoint.checkpoint import sha256_of
from convert.lora.adapter import Adapter, Delta
from convert.metadata import count, real, text
from convert.rows.source import RowSource

_HEAD = "lm_head.weight"


class MergedRows(RowSource):
    """A weight with one adapter's change added: `W + s BA`; for DoRA every row is then scaled to its learned length.

    DoRA: `m (W + s BA) / ‖W + s BA‖`, the norm taken of each row (Liu et al., arXiv 2402.09353).
    """

    dtype = "f32"
    is_computed = True

    def __init__(self, base: RowSource, delta: Delta) -> None:
        self.name = base.name
        self.shape = base.shape
        self._base = base
        self._delta = delta

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        delta = self._delta
        change = np.float32(delta.scale) * (delta.b[start:stop] @ delta.a)  # [stop - start, in_features]
        merged = self._base.float_rows(start, stop) + change
        if delta.magnitude is not None:
            length = np.linalg.norm(merged, axis=1, keepdims=True)
            # A row of zeros stays zero instead of becoming NaN.
            merged *= delta.magnitude[start:stop, None] / np.maximum(length, np.finfo(np.float32).tiny)
        return merged

    def release(self) -> None:
        self._base.release()


def merge(
    tensors: Mapping[str, RowSource],
    adapters: Sequence[Adapter],
    notes: list[str] | None = None,
    *,
    tied: tuple[str, str] | None = None,
) -> dict[str, RowSource]:
    """The base's tensors with every adapter applied, in the order given.

    Args:
        tensors: the base's, under their names in the checkpoint.
        adapters: open.
        notes: gets a sentence about layers that were quantized (GPTQ) and are not any more with an adapter in them.
        tied: names of the embedding and of the head, if the head is the embedding and is not among `tensors`. PEFT
            changes only one of the two, so the head then becomes a separate tensor.

    Raises KnownError: `adapter_mismatch` if the base lacks a layer or has it in another shape,
    `adapter_vocabulary` if the adapter was trained with more tokens than the base has, `damaged_adapter` if it lacks a
    layer that it was trained with.
    """
    merged = dict(tensors)
    if tied is not None:
        merged[tied[1]] = tensors[tied[0]]
    for adapter in adapters:
        replaced: set[str] = set()
        for whole, source in adapter.replaced.items():
            name = _name_in_base(whole, merged, adapter, may_be_new=whole == _HEAD)
            if name in merged:
                _check_shape(whole, source.shape, merged[name].shape, adapter)
            merged[name] = source
            replaced.add(name)
        _check_saved(merged.keys() - replaced, adapter)
        for layer, delta in adapter.deltas.items():
            name = _name_in_base(layer + ".weight", merged, adapter)
            _check_shape(layer, delta.shape, merged[name].shape, adapter)
            merged[name] = MergedRows(merged[name], delta)
    if tied is not None and merged[tied[1]] is merged[tied[0]]:
        del merged[tied[1]]
    lost = [name for name, source in tensors.items() if source.was_quantized and not merged[name].was_quantized]
    if lost and notes is not None:
        notes.append(
            f"{len(lost)} layers that GPTQ or AWQ had quantized have an adapter merged into them, so that their codes "
            "no longer hold and they are quantized again. With --lora-only the codes stay and the adapter is a file of "
            "its own."
        )
    return merged


def _name_in_base(name: str, tensors: Mapping[str, RowSource], adapter: Adapter, *, may_be_new: bool = False) -> str:
    """The base's name for an adapter's: the same, or the only one of which one ends in the other."""
    if name in tensors:
        return name
    near = [n for n in tensors if n.endswith("." + name) or name.endswith("." + n)]
    if len(near) == 1:
        return near[0]
    if may_be_new:
        return name  # a separate head, where the base uses its embedding
    raise _mismatch(adapter, f"{name} is not in the base", name)


def _check_saved(not_replaced: Iterable[str], adapter: Adapter) -> None:
    """Check that the adapter holds every tensor that its configuration says was trained whole, as PEFT does."""
    for name in sorted(not_replaced):
        if adapter.config.targets.trains_whole(name.rpartition(".")[0]):
            raise KnownError(
                "damaged_adapter",
                f"The adapter {adapter.folder} lacks {name}, which was trained (modules_to_save in its configuration).",
                "Save it again with PEFT, with all its weights gathered.",
                path=str(adapter.folder),
                tensor=name,
            )


def _check_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...], adapter: Adapter) -> None:
    if shape == expected:
        return
    grown = len(shape) == 2 and shape[1:] == expected[1:] and shape[0] > expected[0]
    if grown and ("embed" in name or "lm_head" in name):
        raise KnownError(
            "adapter_vocabulary",
            f"The adapter {adapter.folder} was trained with a vocabulary of {shape[0]} tokens; "
            f"the base has {expected[0]} ({name}).",
            "Tokens were added before the training. Resize the base's embeddings, merge the adapter with PEFT, "
            "save both with the adapter's tokenizer, and convert that.",
            path=str(adapter.folder),
            tensor=name,
        )
    raise _mismatch(adapter, f"{name} is {list(shape)} in the adapter and {list(expected)} in the base", name)


def _mismatch(adapter: Adapter, what: str, tensor: str) -> KnownError:
    trained_on = f" It was trained on {adapter.config.base}." if adapter.config.base else ""
    return KnownError(
        "adapter_mismatch",
        f"The adapter {adapter.folder} does not belong to this base: {what}.{trained_on}",
        "Convert with the base model that the adapter was trained on.",
        path=str(adapter.folder),
        tensor=tensor,
    )


def digests(adapter: Adapter) -> dict[str, str]:
    """SHA-256 of the adapter's files by file name, in hexadecimal. Raises KnownError as `sha256_of`."""
    return {path.name: sha256_of(path) for path in adapter.files}


def merged_metadata(adapters: Sequence[Adapter]) -> list[KeyValue]:
    """Metadata about the adapters merged into a GGUF: names, strengths and digests of their files; [] without any."""
    entries = [count("chatbelle.lora.count", len(adapters))] if adapters else []
    for number, adapter in enumerate(adapters):
        key = f"chatbelle.lora.{number}"
        entries += [text(f"{key}.name", adapter.folder.resolve().name), real(f"{key}.scale", adapter.strength)]
        entries += [text(f"{key}.sha256.{name}", digest) for name, digest in sorted(digests(adapter).items())]
    return entries
