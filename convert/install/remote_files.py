"""Chooses the files of a model of the catalogue in its repository, and saves the choice for the next run.

The choice, down to the commit, stays until the model is installed: an interrupted download must not continue with the
bytes of another version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from belle.clients.errors import not_in_repository
from belle.clients.hub import Hub, RemoteFile
from belle.clients.retry import Retries
from belle.documents import parse_json
from belle.durable import write_text
from belle.errors import KnownError
from belle.models.catalog import ModelEntry, ModelFile
from convert.checkpoint.checkpoint import CONFIG_NAME, TOKENIZER_NAMES, VOCABULARY_NAMES
from convert.checkpoint.encrypted import ENCRYPTED_SUFFIX, plain_name
from convert.metadata import MODEL_CARD

_FORMAT = 1
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class RemoteFiles:
    """The files to download for a model.

    Attributes:
        files: the small ones first, so that a wrong key or a missing permission shows at once.
        notes: sentences for the user.
    """

    files: tuple[RemoteFile, ...]
    notes: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Of all files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def largest_bytes(self) -> int:
        """Of the largest file."""
        return max((file.size or 0 for file in self.files), default=0)

    def save(self, path: Path) -> None:
        """Write it to `path` atomically. Raises KnownError ("disk_full", "folder_not_writable")."""
        write_text(path, json.dumps({"format": _FORMAT, **asdict(self)}, indent=1))


def load_source(path: Path) -> RemoteFiles | None:
    """What an earlier run saved; None if the file does not exist or is not usable."""
    try:
        data = parse_json(path.read_bytes())
        if data["format"] != _FORMAT:
            return None
        return RemoteFiles(tuple(RemoteFile(**file) for file in data["files"]), tuple(data["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def choose(hub: Hub, entry: ModelEntry, retries: Retries) -> RemoteFiles:
    """The files of `entry` that are published now.

    If the repository has no configuration or no tokenizer, those of the base model are added. Raises KnownError:
    "file_not_in_repository", and those of the hub.
    """
    listing = retries.keep_trying(lambda: hub.files(entry.repo))
    chosen: dict[str, RemoteFile] = {}
    for number, wanted in enumerate(entry.files):
        matches = _matching(listing, wanted)
        if not matches and number == 0:
            raise not_in_repository(entry.repo, wanted.name.replace("|", " or "), sorted(listing))
        for file in matches:
            _check_same(hub, file, wanted)
            chosen.setdefault(file.name, replace(file, sha256=wanted.sha256 or file.sha256))
    if MODEL_CARD in listing:
        chosen[MODEL_CARD] = listing[MODEL_CARD]
    notes: list[str] = []
    if entry.kind == "gguf":
        return _complete(hub, chosen, retries, notes)
    for file in _from_base(hub, entry, {plain_name(Path(name)) for name in chosen}, retries, notes):
        chosen[file.name] = file
    return _complete(hub, chosen, retries, notes)


def _complete(hub: Hub, chosen: Mapping[str, RemoteFile], retries: Retries, notes: Iterable[str]) -> RemoteFiles:
    complete = [retries.keep_trying(lambda file=file: hub.complete(file)) for file in chosen.values()]  # type: ignore[misc]
    return RemoteFiles(tuple(sorted(complete, key=lambda file: (file.size or 0, file.name))), tuple(notes))


def _check_same(hub: Hub, file: RemoteFile, wanted: ModelFile) -> None:
    """Compare hashes before the download: gigabytes would arrive to be thrown away. Raises KnownError."""
    if wanted.sha256 and file.sha256 and wanted.sha256 != file.sha256:
        raise KnownError(
            "wrong_bytes",
            f"{hub.endpoint} has another {file.name} than the one that this program knows: its SHA-256 is "
            f"{file.sha256}, and should be {wanted.sha256}.",
            "Try another endpoint; or the file was replaced by its publisher, and a newer ChatBELLE knows it.",
            file=file.name,
            repo=file.repo,
            expected=wanted.sha256,
            found=file.sha256,
        )


def is_encrypted(file: RemoteFile) -> bool:
    """Whether it is one of BELLE's deltas on LLaMA."""
    return file.name.endswith(ENCRYPTED_SUFFIX)


def _matching(listing: Mapping[str, RemoteFile], wanted: ModelFile) -> list[RemoteFile]:
    """The files of the top folder that match the first pattern that any does; deeper ones are something else."""
    for pattern in wanted.name.split("|"):
        matches = [file for name, file in listing.items() if "/" not in name and fnmatchcase(name, pattern)]
        if matches:
            return matches
    return []


def _from_base(
    hub: Hub, entry: ModelEntry, names: Iterable[str], retries: Retries, notes: list[str]
) -> list[RemoteFile]:
    names = set(names)
    # Either all tokenizer files or none: those of two tokenizers would not fit together.
    missing = set() if CONFIG_NAME in names else {CONFIG_NAME}
    if not names.intersection(VOCABULARY_NAMES):
        missing.update(TOKENIZER_NAMES)
    if not missing or not _REPOSITORY.fullmatch(entry.base):
        return []
    listing = retries.keep_trying(lambda: hub.files(entry.base))
    from_base = [file for name, file in listing.items() if name in missing - names]
    if from_base:
        what = ", ".join(file.name for file in from_base)
        notes.append(f"{entry.repo} does not hold {what}; taken from the base model {entry.base}.")
    return from_base
