"""A GPTQ or AWQ checkpoint seen as an ordinary one: `X.qweight`, `X.qzeros` … become one tensor `X.weight`.

The rest of the converter does not know that a checkpoint is quantized; it gets `RowSource`s, some of which have a
packed form. Act-order layers are folded into the layers before them where possible (`act_order`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.gptq import word_packing
from convert.gptq.act_order import fold
from convert.gptq.gptq_rows import GPTQRows
from convert.gptq.layout import Module, ZeroEvidence, find_modules, zeros_of
from convert.gptq.quantized_rows import Mode
from convert.gptq.stated_config import check_known, check_modules, version_of
from convert.rows.source import RowSource

Change = Callable[[Mapping[str, RowSource]], dict[str, RowSource]]

_SAMPLED_MODULES = 24
_SAMPLED_WORDS = 64


@dataclass(slots=True)
class QuantizedView:
    """The result of `view_quantized`.

    Attributes:
        tensors: the checkpoint as rows, in its order, `X.weight` in the place of `X.qweight`.
        modules: the quantized layers.
        version: 1 if the zeros are stored minus one.
        folded: by name the act-order layers whose permutation moved into the layers before them, with the new order of
            their columns.
        warnings: sentences for the report.
    """

    tensors: dict[str, RowSource]
    modules: list[Module]
    version: Literal[1, 2]
    folded: dict[str, NDArray[np.intp]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def is_quantized(tensors: Mapping[str, Any]) -> bool:
    """Whether the checkpoint has GPTQ or AWQ layers."""
    return any(name.endswith(".qweight") for name in tensors)


def view_quantized(
    tensors: Mapping[str, Any], stated: Mapping[str, Any], mode: Mode = "exact", change: Change | None = None
) -> QuantizedView:
    """The checkpoint with every quantized layer as one `GPTQRows`. Raises KnownError.

    Args:
        tensors: `CheckpointTensor`s by name.
        stated: what its configuration says (`stated_quantization`).
        mode: see `GroupQuantizedRows`.
        change: merges adapters. It gets every layer in the order of the checkpoint; act-order layers are folded
            afterwards, and only those that it did not change.
    """
    check_known(stated)
    modules = find_modules(tensors, stated)
    check_modules(stated, modules)
    wordwise = _made_by_gptqmodel(stated)
    evidence = _evidence(modules, tensors)
    version = version_of(stated, evidence)
    layers = {m.name: GPTQRows(m, tensors, version=version, wordwise=wordwise, mode=mode) for m in modules}
    rows: dict[str, RowSource] = {}
    for name, tensor in tensors.items():
        layer, _, last = name.rpartition(".")
        if layer not in layers:
            rows[name] = tensor
        elif last == "qweight":
            rows[layer + ".weight"] = layers[layer]
        elif last == "bias":
            rows[name] = tensor
    if change is not None:
        rows = change(rows)
    folded = {}
    for layer, source in layers.items():
        if rows[layer + ".weight"] is source and fold(source, rows):
            folded[layer] = source.by_group()
    warnings = [*_contradictions(stated, modules), *_warnings(evidence, wordwise)]
    return QuantizedView(rows, modules, version, folded, warnings)


def _made_by_gptqmodel(stated: Mapping[str, Any]) -> bool:
    """GPTQModel subtracts 1 from whole words of zeros, other tools from each zero. `quantizer` is a text or a list."""
    meta = stated.get("meta")
    producer = meta.get("quantizer", "") if isinstance(meta, dict) else ""
    return str(producer).removeprefix("['").lower().startswith("gptqmodel")


def _evidence(modules: list[Module], tensors: Mapping[str, Any]) -> ZeroEvidence:
    """From a sample of layers spread over the model: all their zeros, some of their codes."""
    evidence = ZeroEvidence()
    gptq = [m for m in modules if m.method == "gptq"]
    for module in gptq[:: max(1, len(gptq) // _SAMPLED_MODULES)]:
        packed = np.ascontiguousarray(tensors[module.name + ".qzeros"].array()).view(np.int32)
        zeros = zeros_of(packed, module.bits, version=2, wordwise=False).astype(np.uint8)
        evidence.add(zeros, module.bits, partial(_sample, module, tensors))
    return evidence


def _sample(module: Module, tensors: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Codes of the first input columns, `[columns, out]`."""
    words = np.ascontiguousarray(tensors[module.name + ".qweight"].array()[: _SAMPLED_WORDS * module.bits])
    whole = len(words) - len(words) % module.bits  # whole periods, also for 3 bits
    return word_packing.unpack(words[:whole].view(np.int32), module.bits)


def _contradictions(stated: Mapping[str, Any], modules: list[Module]) -> list[str]:
    """A sentence about a stated group size that no layer has; harmless, since `g_idx` gives every column's group."""
    size = stated.get("group_size")
    whole = {m.group_size for m in modules if m.n_groups > 1}
    if isinstance(size, int) and size > 0 and whole and size not in whole:
        return [f"The configuration says groups of {size}; the layers have groups of {_listed(whole)}."]
    return []


def _listed(numbers: set[int]) -> str:
    return " and ".join(map(str, sorted(numbers)))


def _warnings(evidence: ZeroEvidence, wordwise: bool) -> list[str]:
    warnings = []
    if evidence.version == 1 and evidence.wrapped and not wordwise:
        warnings.append(
            f"{evidence.wrapped} stored zeros are all ones. They are read as the highest zero; a tool that stored a "
            "zero of 0 this way would have meant 0."
        )
    return warnings
