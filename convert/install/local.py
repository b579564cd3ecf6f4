"""Takes over what is on this computer already and is no GGUF yet: checkpoints, and LoRA adapters on a base."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from belle import paths
from belle.clients.progress import Listener
from belle.documents import read_json_object
from belle.errors import KnownError
from belle.models.catalog import load_catalog
from belle.models.registry import SPEECH, InstalledModel, absolute, installed, register
from convert.checkpoint.checkpoint import CONFIG_NAME
from convert.install.conversion import DEFAULT_TYPE, reporting
from convert.install.folder import remove_if_empty
from convert.lora import config as adapter_config
from convert.plan.options import AdapterChoice, ConvertOptions
from convert.whisper.table import is_whisper

_SPEECH_TYPE = "q5_0"
_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")


def is_adapter(path: Path) -> bool:
    """Whether `path` is the folder of a LoRA adapter, or a file in it."""
    folder = path if path.is_dir() else path.parent
    return (folder / adapter_config.NAME).is_file() and not (folder / CONFIG_NAME).is_file()


def convert_local(
    source: Path,
    *,
    adapter: Path | None = None,
    type_name: str | None = None,
    template: str | None = None,
    threads: int = 0,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
) -> InstalledModel:
    """Convert a checkpoint into the models folder, and register the result; or continue where it was interrupted.

    Args:
        source: the folder of a checkpoint, or its weights file.
        adapter: a LoRA adapter that is merged into it.
        type_name: the file type to convert to; None for Q4_K_M, of a Whisper Q5_0.
        template: id of the prompt template in place of the checkpoint's own.
        threads: that compute; 0 for one per processor.
        listener: called about five times a second.
        stop: when set, it ends with InstallStoppedError.

    Raises KnownError: those of the converter and of the registry; InstallStoppedError.
    """
    from convert.pipeline import convert

    source = absolute(source)
    is_speech = _is_whisper(source)
    type_name = type_name or (_SPEECH_TYPE if is_speech else DEFAULT_TYPE)
    title = _title(source, adapter)
    details = {"converted": str(source)} | ({"adapter": str(absolute(adapter))} if adapter else {})
    details |= {"kind": SPEECH} if is_speech else {}
    name = _free_name(title, type_name, details)
    target = paths.models_dir() / name / f"{name}-{type_name}{'.bin' if is_speech else '.gguf'}"
    paths.private_folder(target.parent)
    options = ConvertOptions(
        types=(type_name,),
        adapters=(AdapterChoice(_adapter_folder(adapter)),) if adapter else (),
        template=template,
        threads=threads,
    )
    try:
        convert(source, target, options, progress=reporting(target.name, listener, stop or threading.Event()))
    except KnownError:
        remove_if_empty(target.parent)
        raise
    return register(name, target, template, title=title, details=details)


def _is_whisper(source: Path) -> bool:
    """Whether the config.json of a checkpoint says so; one that cannot be read is refused by the converter."""
    folder = source if source.is_dir() else source.parent
    try:
        return is_whisper(read_json_object(folder / CONFIG_NAME))
    except KnownError:
        return False


def _title(source: Path, adapter: Path | None) -> str:
    names = [_stem(source)] + ([_stem(_adapter_folder(adapter))] if adapter else [])
    return " + ".join(names)


def _stem(path: Path) -> str:
    """The name of a checkpoint: that of its folder, and of a single file its own."""
    if path.is_dir():
        return path.name
    return path.parent.name if path.stem in ("pytorch_model", "model", "consolidated.00") else path.stem


def _adapter_folder(adapter: Path) -> Path:
    return absolute(adapter if adapter.is_dir() else adapter.parent)


def _free_name(title: str, type_name: str, details: dict[str, str]) -> str:
    """The name under which it was begun or is registered, else a new one."""
    stem = _NOT_IN_NAMES.sub("-", title.replace(" + ", "-")).strip("-.").casefold() or "model"
    known = {model.name: model for model in installed()}
    taken = {entry.name for entry in load_catalog()}
    for name in (stem, *(f"{stem}-{number}" for number in range(2, 10_000))):
        model = known.get(name)
        is_free = model is None or (model.details == details and model.path.stem.endswith(f"-{type_name}"))
        if name not in taken and is_free:
            return name
    raise AssertionError("ten thousand models of one name")
