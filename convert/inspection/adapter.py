"""A PEFT adapter folder described."""

from __future__ import annotations

from pathlib import Path

from convert.inspection.description import Description, TensorRow, shares
from convert.lora.adapter import Adapter, read_adapter


def describe_adapter(folder: Path) -> Description:
    """Describe the adapter in `folder`. Raises the KnownErrors of `read_adapter`."""
    with read_adapter(folder) as adapter:
        stored = adapter.checkpoint.tensors.values()
        tensors = tuple(TensorRow(t.name, tuple(t.shape), t.raw_dtype.upper(), t.n_bytes) for t in stored)
        return Description(
            path=str(folder),
            kind="LoRA adapter",
            architecture="",
            title=folder.resolve().name,
            quantization="",
            n_weights=sum(tensor.n_weights for tensor in tensors),
            n_bytes=sum(path.stat().st_size for path in adapter.checkpoint.files),
            n_files=len(adapter.checkpoint.files),
            tensors=tensors,
            types=shares(tensors),
            base=adapter.config.base,
            facts=_facts(adapter),
        )


def _facts(adapter: Adapter) -> dict[str, object]:
    config, deltas = adapter.config, adapter.deltas.values()
    kinds = [("DoRA", any(d.magnitude is not None for d in deltas)), ("rsLoRA", config.rslora)]
    facts: dict[str, object] = {
        "adapter type": ", ".join(name for name, holds in kinds if holds) or "LoRA",
        "alpha": config.alpha,
        "ranks": sorted({delta.rank for delta in deltas}),
        "scalings": sorted({round(delta.scale, 6) for delta in deltas}),
        "layers": sorted({delta.layer.rpartition(".")[2] for delta in deltas}),
        "layers changed": len(adapter.deltas),
    }
    if adapter.replaced:
        facts["trained whole"] = sorted(adapter.replaced)
    return facts
