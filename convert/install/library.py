"""The list of installed and available models; importing a file; removing a model.

Only files inside the models folder are ever deleted; a file that a person registered elsewhere is theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from belle import paths
from belle.clients.progress import Listener
from belle.engine.llama.memory import MemoryShape, estimate, estimate_for
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, read_header, split_parts
from belle.gguf.whisper_file import WhisperHeader, is_whisper_file, read_whisper
from belle.models.catalog import ModelEntry, find_model, load_catalog, remember_file
from belle.models.registry import SPEECH, InstalledModel, absolute, forget, installed, register
from belle.prompts import get_template
from convert.install.folder import ModelFolder, copied, in_models_folder, remove_if_empty

Status = Literal["installed", "missing", "begun", "available", "unsupported"]

USUAL_CONTEXT = 4096
"""Tokens of context for which memory is stated (a chat's default), unless the model has fewer."""

_NAME = re.compile(r"[\w][\w.+-]*")


@dataclass(frozen=True)
class LibraryRow:
    """One model of the list. Sizes in bytes, None if not known.

    Attributes:
        name, title: for commands and for people.
        status: `begun` is an interrupted installation, `missing` a registered file that does not exist any more.
        path: of the file; "" for none.
        size: of the file, also of one that is not installed yet.
        download: bytes to download.
        memory: for a chat with `USUAL_CONTEXT` tokens; None of a speech model.
        license, research_only, languages: "" and () if not known.
    """

    name: str
    title: str
    status: Status
    path: str = ""
    size: int | None = None
    download: int | None = None
    memory: int | None = None
    license: str = ""
    research_only: bool = False
    languages: tuple[str, ...] = field(default=())
    is_speech: bool = False


ModelHeader = GgufHeader | WhisperHeader
"""What the beginning of a model file says: of one to chat with, or of one that writes down speech."""


def rows() -> list[LibraryRow]:
    """The catalogue, then registered files that are not in it. Raises KnownError("registry_damaged")."""
    known = {model.name: model for model in installed()}
    result = [_catalogue_row(entry, known.pop(entry.name, None)) for entry in load_catalog()]
    for model in known.values():
        header = _header(model.path)
        result.append(
            LibraryRow(
                model.name,
                model.title,
                "installed" if header else "missing",
                str(model.path),
                header.size_bytes if header else None,
                memory=_memory(header) if header else None,
                license=header.license if isinstance(header, GgufHeader) else "",
                languages=_languages(header) if header else (),
                is_speech=model.is_speech,
            )
        )
    return result


def take_over(
    path: Path,
    *,
    name: str | None = None,
    template: str | None = None,
    copy: bool = False,
    listener: Listener | None = None,
) -> tuple[InstalledModel, ModelHeader]:
    """Register a GGUF file, or a speech model of whisper.cpp, that exists already.

    Args:
        path: the file; the first part of a split one.
        name: a new name, or that of the model of the catalogue that this file is; None to use the file's name.
        template: id of the prompt template to use instead of the file's own.
        copy: whether to copy it into the models folder.
        listener: called with the progress of copying.

    Raises KnownError: those of `read_model_file`, "usage", "unknown_template", "bad_name", "name_taken",
    "other_architecture", "disk_full", "unwritable", those of the registry.
    """
    path = absolute(path)
    header = read_model_file(path)
    is_speech = isinstance(header, WhisperHeader)
    if is_speech and template:
        raise KnownError("usage", f"{path.name} writes down speech, and has no chat template.", "Leave out --template.")
    template = get_template(template).id if template else None
    if name is not None:
        _check_name(name, path, header)
    if copy:
        path = copied(path, name or path.stem.removesuffix("-00001-of-00001"), listener)
    own_title = header.name or "" if isinstance(header, GgufHeader) else ""
    details = {"kind": SPEECH} if is_speech else {}
    if name is None:
        return remember_file(path, template, title=own_title, details=details), header
    entry = load_catalog().find(name)
    title = entry.title if entry else own_title
    details |= {"imported": str(path)}
    return register(entry.name if entry else name, path, template, title=title, details=details), header


def read_model_file(path: Path) -> ModelHeader:
    """What the beginning of a model file says. Raises KnownError like `read_header` and `read_whisper`."""
    try:
        is_whisper = path.is_file() and is_whisper_file(path)
    except OSError:
        is_whisper = False  # `read_header` says what is wrong
    return read_whisper(path) if is_whisper else read_header(path)


@dataclass(frozen=True)
class Removal:
    """The effects of removing a model.

    Attributes:
        name: of the model.
        registered: whether it is on the list of installed models.
        files: to be deleted, all in the models folder.
        kept: a file elsewhere, which is only taken off the list.
        n_bytes: freed on the disk.
    """

    name: str
    registered: bool
    files: tuple[Path, ...]
    kept: Path | None
    n_bytes: int


def plan_removal(name: str) -> Removal:
    """What `remove` would do. Raises KnownError: "unknown_model", "not_installed", "comes_with_program"."""
    entry = load_catalog().find(name)
    name = entry.name if entry else name
    if entry is not None and entry.kind == "bundled":
        raise KnownError(
            "comes_with_program", f"{entry.title} comes with the program and stays with it.", "", name=name
        )
    model = next((model for model in installed() if model.name == name), None)
    model_folder = ModelFolder(name)
    begun = model_folder.work.is_dir()
    if model is None and not begun:
        find_model(name)  # raises the error that fits the name
        raise KnownError("unknown_model", f"There is no model called “{name}”.", "See: belle models list", name=name)
    files: list[Path] = []
    kept = None
    if model is not None and in_models_folder(model.path):
        files += split_parts(model.path)
        # Other conversions of the same model.
        others = (path for pattern in (f"{name}-*.gguf", f"{name}-*.bin") for path in model_folder.folder.glob(pattern))
        files += [path for path in others if path not in files]
    elif model is not None:
        kept = model.path
    if begun:
        files += [path for path in model_folder.work.rglob("*") if path.is_file()]
    n_bytes = sum(path.stat().st_size for path in files if path.exists())
    return Removal(name, model is not None, tuple(files), kept, n_bytes)


def remove(removal: Removal) -> None:
    """Take the model off the list and delete its files. Raises KnownError("busy", "unwritable")."""
    model_folder = ModelFolder(removal.name)
    if model_folder.work.is_dir():
        with model_folder.locked():
            _remove(removal)
        model_folder.clean()
    else:
        _remove(removal)


def _remove(removal: Removal) -> None:
    if removal.registered:
        forget(removal.name)
    try:
        for path in removal.files:
            path.unlink(missing_ok=True)
            if path.parent != paths.models_dir():
                remove_if_empty(path.parent)
    except OSError as error:
        raise KnownError(
            "unwritable",
            f"{error.filename} could not be deleted: {error.strerror}.",
            "The model is off the list; delete the file by hand.",
            path=str(error.filename),
        ) from error


def _catalogue_row(entry: ModelEntry, model: InstalledModel | None) -> LibraryRow:
    path = model.path if model else entry.bundled_file()
    header = _header(path) if path else None
    status: Status = "available"
    if header is not None:
        status = "installed"
    elif model is not None:
        status = "missing"
    elif entry.kind == "unsupported":
        status = "unsupported"
    elif ModelFolder(entry.name).source_file.exists():
        status = "begun"
    return LibraryRow(
        entry.name,
        entry.title,
        status,
        str(path or ""),
        header.size_bytes if header else entry.installed_bytes,
        entry.download_bytes or None,
        _memory(header) if header else _memory_of_entry(entry),
        entry.license,
        entry.research_only,
        entry.languages,
        entry.kind == "speech",
    )


def _header(path: Path) -> ModelHeader | None:
    try:
        return read_model_file(path)
    except KnownError:
        return None


def _memory(header: ModelHeader) -> int | None:
    if isinstance(header, WhisperHeader):
        return None
    return estimate(header, min(header.n_ctx_train or USUAL_CONTEXT, USUAL_CONTEXT)).total


def memory_shape(entry: ModelEntry) -> MemoryShape | None:
    """What decides how much memory a model of the catalogue takes; None when the catalogue does not know it."""
    dimensions, weights = entry.shape, entry.installed_bytes
    if dimensions is None or weights is None:
        return None
    return MemoryShape(
        weights,
        dimensions.kv_elements_per_token,
        dimensions.width,
        dimensions.feed_forward,
        dimensions.heads,
        dimensions.vocabulary,
    )


def _memory_of_entry(entry: ModelEntry) -> int | None:
    shape = memory_shape(entry)
    return estimate_for(shape, min(entry.context_length, USUAL_CONTEXT)).total if shape else None


def _languages(header: ModelHeader) -> tuple[str, ...]:
    if isinstance(header, WhisperHeader):
        return ("en",) if header.sizes.n_languages == 1 else ()
    stated = header.metadata.get("general.languages")
    return tuple(str(one) for one in stated) if isinstance(stated, (list, tuple)) else ()


def _check_name(name: str, path: Path, header: ModelHeader) -> None:
    if not _NAME.fullmatch(name):
        raise KnownError(
            "bad_name", f"“{name}” cannot be the name of a model.", "Letters, digits, . + - and _ can.", name=name
        )
    entry = load_catalog().find(name)
    if entry is not None and entry.kind in ("bundled", "unsupported"):
        raise KnownError("name_taken", f"“{name}” is the name of {entry.title}.", "Choose another name.", name=name)
    expected = _architecture_of(entry)
    architecture = "whisper" if isinstance(header, WhisperHeader) else header.architecture
    if entry is not None and expected and expected != architecture:
        raise KnownError(
            "other_architecture",
            f"{path.name} is a {architecture} model; {entry.title} is a {expected} model.",
            "Choose another name for this file.",
            name=name,
            path=str(path),
        )
    taken = next((model for model in installed() if model.name == (entry.name if entry else name)), None)
    if taken is not None and taken.path != path and taken.path.exists():
        raise KnownError(
            "name_taken",
            f"“{name}” is the name of {taken.path}.",
            f"Choose another name, or remove that one first: belle models remove {name}",
            name=name,
            path=str(taken.path),
        )


def _architecture_of(entry: ModelEntry | None) -> str:
    """The architecture of a model of the catalogue; "" if it is not known."""
    if entry is None:
        return ""
    return "whisper" if entry.kind == "speech" else entry.shape.architecture if entry.shape else ""
