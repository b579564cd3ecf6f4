"""Finds out whether a path is a GGUF file, a Whisper file, a checkpoint or an adapter, and describes it."""

from __future__ import annotations

import re
from pathlib import Path

from belle.errors import KnownError
from belle.gguf.reader import is_gguf
from belle.gguf.whisper_file import is_whisper_file
from convert.inspection.checkpoint import describe_checkpoint
from convert.inspection.description import Description, TensorRow, shares
from convert.inspection.gguf import describe_gguf
from convert.inspection.whisper import describe_whisper
from convert.lora import config as adapter_config
from convert.lora.adapter import Adapter, read_adapter

_LATER_PART = re.compile(r".+-(?!00001)\d{5}-of-\d{5}\.gguf")


def describe(path: Path) -> Description:
    """Describe a GGUF or Whisper file, a checkpoint or a PEFT adapter.

    Of a checkpoint or adapter, its folder, a weights file, or a configuration in it is given.

    Raises KnownError: `file_missing`, `several_models`, and those of reading what it is.
    """
    try:
        if path.is_dir():
            return _describe_folder(path)
        if not path.exists():
            raise KnownError("file_missing", f"{path} does not exist.", "Check the path.", path=str(path))
        if (
            path.name.startswith(("adapter_model.", adapter_config.NAME))
            and (path.parent / adapter_config.NAME).is_file()
        ):
            return describe_adapter(path.parent)
        if _is_gguf(path):
            return describe_gguf(path)
        return describe_whisper(path) if is_whisper_file(path) else describe_checkpoint(path)
    except OSError as error:
        raise KnownError("unreadable", f"{path} cannot be read: {error.strerror}.", path=str(path)) from error


def _describe_folder(folder: Path) -> Description:
    if (folder / adapter_config.NAME).is_file():
        return describe_adapter(folder)
    models = sorted(path for path in folder.glob("*.gguf") if not _LATER_PART.fullmatch(path.name))
    try:
        return describe_checkpoint(folder)
    except KnownError as error:
        if error.kind not in ("is_gguf", "no_weights") or not models:
            raise
    if len(models) > 1:
        names = ", ".join(path.name for path in models[:5])
        raise KnownError("several_models", f"{folder} holds {len(models)} GGUF files: {names}.", "Give one of them.")
    return describe_gguf(models[0])


def _is_gguf(path: Path) -> bool:
    """Whether the GGUF reader gets the file: by its first bytes, or its name if it is cut off."""
    if not path.is_file():
        return True  # a pipe or a device: the reader's error names it
    return is_gguf(path) or path.suffix == ".gguf"


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
