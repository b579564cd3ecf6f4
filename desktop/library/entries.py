"""The lines of the library: installed models, those of the catalogue, and those that other programs have.

Models that write down speech have a section of their own, where they are installed, too: the others are for chatting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from belle.clients.download import part_path
from belle.engine.answer.file_sampling import recommended_sampling
from belle.engine.process.commands import Sampling
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, read_header
from belle.gguf.whisper_file import WhisperHeader, read_whisper
from belle.models.catalog import ModelEntry, load_catalog
from belle.models.registry import InstalledModel, installed
from convert.install.folder import ModelFolder, in_models_folder
from desktop.library.fit import Fit, Machine, fit_of_entry, fit_of_file
from desktop.library.found import FoundModel
from desktop.model_settings import LoadSettings

Section = Literal["installed", "belle", "small", "speech", "found"]
Status = Literal["installed", "missing", "begun", "available", "found"]


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One line. Sizes in bytes; texts by language, `en` and `zh`; what is not known is None, 0 or empty.

    Attributes:
        ref: what `ProjectControl.choose_model` takes, of a speech model `Settings.set_speech_model`: a name of the
            catalogue, or a path.
        name: in the registry or the catalogue; empty for a model of another program.
        status: `begun` is an interrupted installation, `missing` a file that does not exist any more.
        path: of the file; None for one that is not here.
        size: of the GGUF, also of one that is not here yet.
        download: bytes to download.
        needs_llama: it can be read only with Meta's own LLaMA-1 weights.
        own: the file lies in the folder of this program's models, so that deleting it frees space.
        program: the other program whose file this is.
        sampling: what its card or its file recommends; None of a model that is not here.
    """

    ref: str
    name: str
    title: str
    section: Section
    status: Status
    path: Path | None = None
    size: int = 0
    download: int = 0
    quantization: str = ""
    license: str = ""
    license_note: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    research_only: bool = False
    needs_llama: bool = False
    own: bool = False
    is_starter: bool = False
    program: str = ""
    fit: Fit | None = None
    header: GgufHeader | None = field(default=None, repr=False, compare=False)
    sampling: Sampling | None = field(default=None, repr=False, compare=False)

    @property
    def is_speech(self) -> bool:
        """Whether it writes down speech, and does not chat."""
        return self.section == "speech"

    @property
    def makes_embeddings(self) -> bool:
        """Whether it finds passages in folders of documents, and does not chat."""
        return self.header is not None and self.header.makes_embeddings


Wanted = Callable[[Path | None], LoadSettings]
"""How the model in a file will be loaded; that of None, one that is not here yet."""


def library_entries(wanted: Wanted, machine: Machine, found: tuple[FoundModel, ...] = ()) -> list[LibraryEntry]:
    """All lines, section by section. Raises KnownError("registry_damaged").

    Args:
        wanted: how models will be loaded.
        machine: what is free.
        found: models of other programs.
    """
    known = {model.name: model for model in installed()}
    lines = []
    for entry in load_catalog():
        model = known.pop(entry.name, None)
        if entry.chats:
            lines.append(_of_catalogue(entry, model, wanted, machine))
        elif entry.kind == "speech":
            lines.append(_of_speech_entry(entry, model))
    others = reversed(known.values())
    lines += [_of_speech_file(model) if model.is_speech else _of_file(model, wanted, machine) for model in others]
    lines += _of_others(found, {line.path for line in lines}, wanted, machine)
    order = ("installed", "small", "belle", "speech", "found")
    return sorted(lines, key=lambda line: order.index(line.section))


def _of_catalogue(entry: ModelEntry, model: InstalledModel | None, wanted: Wanted, machine: Machine) -> LibraryEntry:
    path = model.path if model else entry.bundled_file()
    header = _header(path)
    present = _downloaded(entry) if header is None else 0
    status: Status = "installed" if header else "missing" if model else "begun" if present else "available"
    is_here = status in ("installed", "missing")
    section: Section = "installed" if is_here else "small" if entry.kind == "gguf" else "belle"
    fit = _fit(header, wanted, machine) if header else fit_of_entry(entry, wanted(None).n_ctx, machine, present=present)
    return LibraryEntry(
        entry.name,
        entry.name,
        entry.title,
        section,
        status,
        path,
        header.size_bytes if header else entry.installed_bytes or 0,
        entry.download_bytes,
        header.quantization if header else "",
        entry.license,
        entry.license_note,
        entry.description,
        entry.languages,
        entry.research_only,
        entry.kind == "delta",
        path is not None and in_models_folder(path),
        entry.kind == "bundled",
        fit=fit,
        header=header,
        sampling=recommended_sampling(header, asdict(entry.sampling) if entry.sampling else None) if header else None,
    )


def _of_file(model: InstalledModel, wanted: Wanted, machine: Machine) -> LibraryEntry:
    header = _header(model.path)
    return LibraryEntry(
        str(model.path),
        model.name,
        model.title or model.path.stem,
        "installed",
        "installed" if header else "missing",
        model.path,
        header.size_bytes if header else 0,
        quantization=header.quantization if header else "",
        license=header.license if header else "",
        own=in_models_folder(model.path),
        fit=_fit(header, wanted, machine),
        header=header,
        sampling=recommended_sampling(header, None) if header else None,
    )


def _of_speech_entry(entry: ModelEntry, model: InstalledModel | None) -> LibraryEntry:
    header = _whisper_header(model.path) if model else None
    begun = _downloaded(entry) if header is None else 0
    status: Status = "installed" if header else "missing" if model else "begun" if begun else "available"
    return LibraryEntry(
        entry.name,
        entry.name,
        entry.title,
        "speech",
        status,
        model.path if model else None,
        header.size_bytes if header else entry.installed_bytes or 0,
        entry.download_bytes,
        header.sizes.type if header else "",
        entry.license,
        entry.license_note,
        entry.description,
        entry.languages,
        entry.research_only,
        own=model is not None and in_models_folder(model.path),
    )


def _of_speech_file(model: InstalledModel) -> LibraryEntry:
    header = _whisper_header(model.path)
    return LibraryEntry(
        str(model.path),
        model.name,
        model.title or model.path.stem,
        "speech",
        "installed" if header else "missing",
        model.path,
        header.size_bytes if header else 0,
        quantization=header.sizes.type if header else "",
        own=in_models_folder(model.path),
    )


def _of_others(
    found: tuple[FoundModel, ...], known: set[Path | None], wanted: Wanted, machine: Machine
) -> Iterator[LibraryEntry]:
    for model in found:
        if model.path not in known:
            header = model.header
            yield LibraryEntry(
                str(model.path),
                "",
                model.title,
                "found",
                "found",
                model.path,
                header.size_bytes,
                quantization=header.quantization,
                license=header.license,
                program=model.program,
                fit=_fit(header, wanted, machine),
                header=header,
                sampling=recommended_sampling(header, None),
            )


def _fit(header: GgufHeader | None, wanted: Wanted, machine: Machine) -> Fit | None:
    """None also for an embedding model, which never has the context of a chat."""
    if header is None or header.makes_embeddings:
        return None
    return fit_of_file(header, wanted(header.path), machine)


def _header(path: Path | None) -> GgufHeader | None:
    try:
        return read_header(path) if path is not None else None
    except KnownError:
        return None


def _whisper_header(path: Path) -> WhisperHeader | None:
    try:
        return read_whisper(path)
    except KnownError:
        return None


def _downloaded(entry: ModelEntry) -> int:
    """Bytes of an interrupted download that are on the disk; at least 1 when one was begun."""
    folder = ModelFolder(entry.name)
    if not folder.source_file.exists():
        return 0
    parts = [path for where in (folder.checkpoint, folder.encrypted) for path in where.glob("*")]
    parts += [part for part in (part_path(path) for path in parts) if part not in parts]
    return max(1, sum(path.stat().st_size for path in set(parts) if path.is_file()))
