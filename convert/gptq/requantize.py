"""GPTQ and AWQ layers whose codes cannot be moved into GGUF blocks are quantized again, to a finer type.

There are two kinds. *Act-order* layers have columns of one block in different groups, each with its scale and zero;
GGUF has no such block, unless the order of the inputs can be changed in the layer before (`convert.gptq.act_order`).
And a layer that an adapter is merged into holds values that are no longer `s * (q - z)`. Both are quantized again to a
type so fine that it adds next to nothing to GPTQ's noise: for groups of 128 the power of the noise grows by the factor
1.002 with Q8_0 (8.5 bits per weight) and 1.025 with Q6_K (6.6). The factor of a file is measured when it is verified
(`noise_factor` of `convert.output.verify.TensorProof`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gguf.constants import GGMLQuantizationType as GGMLType

from convert.plan.mixture import TypeRequests
from convert.plan.plan import Named

# How the names of stored codes end.
_CODES = (".qweight", ".weight_packed")


def unmovable(tensors: Iterable[Named], checkpoint_names: Iterable[str]) -> list[Named]:
    """Those of `tensors` that are quantized layers in the checkpoint but have no blocks to move.

    Args:
        tensors: of the file.
        checkpoint_names: of all tensors that the checkpoint holds, `X.qweight` or `X.weight_packed` among them.
    """
    layers = {f"{name.rpartition('.')[0]}.weight" for name in checkpoint_names if name.endswith(_CODES)}
    return [one for one in tensors if one.source.name in layers and one.source.packed_type is None]


def requantizing(requests: TypeRequests, tensors: Sequence[Named], kind: GGMLType) -> TypeRequests:
    """`requests` with a rule of the lowest priority added: `kind` for each of `tensors`.

    Rows that do not divide into the blocks of `kind` get the type that llama.cpp falls back to, as with any request.
    """
    rules = tuple((re.compile(f"{re.escape(one.name)}$"), kind) for one in tensors)
    return replace(requests, tensors=(*requests.tensors, *rules))


def note(tensors: Sequence[Named], kind: GGMLType) -> list[str]:
    """A sentence for the report about the act-order layers of `tensors`. (Merged adapters have their own note.)"""
    act_order = sum(one.source.was_quantized for one in tensors)
    if not act_order:
        return []
    words = (
        f"{act_order} layers were quantized in the order of activations (act-order), which no GGUF type can hold: they "
        f"are quantized again as {kind.name}. Verifying the file measures what that adds to GPTQ’s noise."
    )
    return [words]
