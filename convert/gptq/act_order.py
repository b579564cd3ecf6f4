"""Act-order GPTQ layers: undone where the layer before can give its outputs in another order.

GPTQ with `desc_act` quantizes the input columns in the order of their activations, so that the columns of one group lie
scattered (`g_idx`) and no GGUF block, whose 32 columns share a scale, can hold them. Permuting the columns by group
repairs that. The product `W x` stays the same if x is permuted alike: W[:, p] x[p] = W x. In a feed-forward network x
is the output of the layers before, so permuting their rows does it, at no cost when the model runs. Elsewhere x is
the residual stream, which many layers read, or the heads' output, whose order attention needs: there
`convert.gptq.requantize` takes over.
"""

from __future__ import annotations

from convert.gptq.gptq_rows import GPTQRows
from convert.rows.arrange import take_rows
from convert.rows.source import RowSource

FEEDERS = {"down_proj": ("gate_proj", "up_proj"), "dense_4h_to_h": ("dense_h_to_4h",)}
"""Last name of a layer -> the layers whose output features are its input features, one to one (LLaMA, BLOOM).

Between them stand element-wise functions only (SiLU, GELU, a product), which do not mind the order.
"""


def fold(source: GPTQRows, rows: dict[str, RowSource]) -> bool:
    """Bring the columns of an act-order layer into group order, and the rows of its feeders into the same order.

    Changes `rows` (the checkpoint's tensors by name) and returns True where that gives whole blocks; otherwise nothing
    is changed.
    """
    layer = source.module.name
    parent, _, last = layer.rpartition(".")
    feeders = [f"{parent}.{name}" for name in FEEDERS.get(last, ())]
    if not source.act_order or not feeders or any(f + ".weight" not in rows for f in feeders):
        return False
    columns = source.by_group()
    ordered = source.with_columns(columns)
    if ordered.act_order:
        return False  # the groups' size is not a multiple of a block's
    rows[layer + ".weight"] = ordered
    for feeder in feeders:
        for name in (feeder + ".weight", feeder + ".bias"):
            if name in rows:
                rows[name] = take_rows(rows[name], columns)
    return True
