"""Finds out what a path is, and has it described."""

from __future__ import annotations

import re
from pathlib import Path

from belle.errors import KnownError
from convert.inspection.adapter import describe_adapter
from convert.inspection.checkpoint import describe_checkpoint
from convert.inspection.description import Description
from convert.inspection.gguf import describe_gguf
from convert.lora import config as adapter_config

_MAGIC = b"GGUF"
_LATER_PART = re.compile(r".+-(?!00001)\d{5}-of-\d{5}\.gguf")


def describe(path: Path) -> Description:
    """Describe a GGUF file, a checkpoint or a PEFT adapter: a folder, a weights file, or a configuration in it.

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
        return describe_gguf(path) if _is_gguf(path) else describe_checkpoint(path)
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
    """By the first bytes; a file that is hardly more than nothing and calls itself a GGUF is a broken one."""
    if not path.is_file():
        return True  # its reader says in words what is wrong with a pipe or a device
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    return start == _MAGIC or path.suffix == ".gguf"
