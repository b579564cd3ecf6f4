"""The models installed on this computer: `models.json` in the models folder.

It lists the models that were downloaded and converted and the files that a person opened, each with its prompt
template. It is replaced as a whole (temporary file, fsync, rename); a file that cannot be read is never overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from belle import paths
from belle.documents import parse_json
from belle.durable import write_text
from belle.errors import KnownError
from belle.texts import json_text

SPEECH = "speech"
"""`kind` in the details of a model that writes down speech."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model file on this computer.

    Args:
        name: typed to choose the model; that of the catalogue for a model that was installed from there.
        path: absolute path of the GGUF, or of a speech model's file.
        template: id of the prompt template to use; None for the model's own.
        title: shown to people.
        details: the origin, such as repository and sha256; JSON values.
    """

    name: str
    path: Path
    template: str | None = None
    title: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_speech(self) -> bool:
        """Whether it writes down speech, and does not chat."""
        return self.details.get("kind") == SPEECH


def installed() -> list[InstalledModel]:
    """The registered models, the newest last. Raises KnownError("registry_damaged")."""
    path = _registry_file()
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _registry_unreadable(path, error.strerror or str(error)) from error
    try:
        rows = parse_json(text)["models"]
        return [_from_row(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _registry_unreadable(path, "it is not a list of models") from error


def register(
    name: str, path: Path, template: str | None = None, *, title: str = "", details: Mapping[str, Any] | None = None
) -> InstalledModel:
    """Register a model file under `name`; replaces an entry with that name or that path.

    Raises KnownError("registry_damaged"), KnownError("registry_not_written").
    """
    model = InstalledModel(name, absolute(path), template, title or path.stem, dict(details or {}))
    _write([m for m in installed() if m.name != model.name and m.path != model.path] + [model])
    return model


def forget(name: str) -> None:
    """Remove a model from the registry; its file stays. Raises like `register`."""
    known = installed()
    remaining = [model for model in known if model.name != name]
    if len(remaining) != len(known):
        _write(remaining)


def start_registry_anew() -> Path | None:
    """Rename a damaged registry and return its new path; None when there is no registry."""
    path = _registry_file()
    copy = next(p for i in range(1, 10_000) if not (p := path.with_name(f"{path.name}.damaged-{i}")).exists())
    try:
        return path.rename(copy)
    except FileNotFoundError:
        return None


def absolute(path: Path) -> Path:
    """The absolute `path`, with links as they are: in a download cache, the target of a link is named by its hash."""
    return Path(os.path.normpath(path.expanduser().absolute()))


def _registry_file() -> Path:
    return paths.models_dir() / "models.json"


def _registry_unreadable(path: Path, reason: str) -> KnownError:
    return KnownError(
        "registry_damaged",
        f"The list of installed models, {path}, cannot be read: {reason}.",
        "Nothing was changed, and the models are not affected. Repair the file, or rename it to start a new list.",
        path=str(path),
        reason=reason,
    )


def _from_row(row: Mapping[str, Any]) -> InstalledModel:
    values = {f.name: row[f.name] for f in fields(InstalledModel) if f.name in row}
    texts_fit = isinstance(row["name"], str) and isinstance(row.get("template"), str | None)
    if not texts_fit or not isinstance(row.get("details", {}), dict):
        raise TypeError(row)
    return InstalledModel(**values | {"path": Path(row["path"])})


def _write(models: Sequence[InstalledModel]) -> None:
    path = _registry_file()
    rows = [asdict(model) | {"path": str(model.path)} for model in models]
    text = json_text({"version": 1, "models": rows}, indent=2)
    try:
        paths.private_folder(path.parent)
        write_text(path, text + "\n", several_writers=True)  # the window and a command may both install
    except OSError as error:
        raise _not_written(path, error.strerror or str(error)) from error
    except KnownError as error:
        raise _not_written(path, error.details.get("reason") or error.message.rstrip(".")) from error


def _not_written(path: Path, reason: str) -> KnownError:
    return KnownError(
        "registry_not_written",
        f"The list of installed models, {path}, could not be written: {reason}.",
        "The old list is still there. Check the free space and the permissions of the folder.",
        path=str(path),
    )
