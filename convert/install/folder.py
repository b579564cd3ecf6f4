"""The folder of a model: `models/NAME/`, with everything unfinished in its hidden folder `.download`."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from belle import paths
from belle.clients.progress import Listener, Reporter
from belle.durable import check_space, replace_file, write_failure
from belle.errors import KnownError
from belle.gguf.reader import split_parts
from belle.models.registry import absolute
from convert.checkpoint.problems import unreadable

_SPARE_BYTES = 500_000_000
_SPARE_SHARE = 0.02
_COPY_BYTES = 8 << 20


@dataclass(frozen=True)
class ModelFolder:
    """The folders of the model called `name`."""

    name: str

    @property
    def folder(self) -> Path:
        """For the finished model."""
        return paths.models_dir() / self.name

    @property
    def work(self) -> Path:
        """For everything unfinished."""
        return self.folder / ".download"

    @property
    def source_file(self) -> Path:
        """The list of files that are being downloaded."""
        return self.work / "source.json"

    @property
    def checkpoint(self) -> Path:
        """For the downloaded (and decrypted) checkpoint."""
        return self.work / "checkpoint"

    @property
    def encrypted(self) -> Path:
        """For files that are still to be decrypted."""
        return self.work / "encrypted"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folders, and hold a lock on them against other programs.

        Raises KnownError("busy", "folder_not_writable").
        """
        try:
            paths.private_folder(self.folder)
            self.work.mkdir(exist_ok=True)
            handle = os.open(self.work / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise write_failure(self.folder, error) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise KnownError(
                    "busy", f"{self.name} is being installed already.", "Wait for it, or stop it.", name=self.name
                ) from error
            yield
        finally:
            os.close(handle)

    def start_over(self) -> None:
        """Delete what was downloaded of another version, and what was made from it."""
        for folder in (self.checkpoint, self.encrypted):
            shutil.rmtree(folder, ignore_errors=True)
        for unfinished in (*self.work.glob("*.gguf*"), *self.work.glob("*.bin*")):
            unfinished.unlink()

    def clean(self) -> None:
        """Delete everything unfinished, and the folder if nothing is left in it."""
        shutil.rmtree(self.work, ignore_errors=True)
        remove_if_empty(self.folder)


def remove_if_empty(folder: Path) -> None:
    """Remove `folder` unless something is in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def check_model_space(folder: Path, needs: Mapping[str, int]) -> None:
    """Check that a model's folder has room for `needs` (bytes by what they are for), and a little to spare.

    Raises KnownError("disk_full").
    """
    spare = min(_SPARE_BYTES, round(sum(needs.values()) * _SPARE_SHARE))
    check_space(folder, needs, spare=spare, advice="Free some space. What is already there counts; nothing is lost.")


def in_models_folder(path: Path) -> bool:
    """Whether `path` lies in the folder of this program's own models. Links are not followed."""
    return absolute(path).is_relative_to(absolute(paths.models_dir()))


def copied(path: Path, name: str, listener: Listener | None) -> Path:
    """Copy `path`, the first or only part of a model, into the models folder under `name`; return the copy.

    A file that is in the models folder already is not copied. Raises KnownError: "disk_full", "folder_not_writable",
    "unwritable", "unreadable", "file_exists".
    """
    folder = paths.models_dir() / name
    sources = split_parts(path)
    if in_models_folder(path):
        return path
    try:
        paths.private_folder(folder)
        total = sum(source.stat().st_size for source in sources)
        check_model_space(folder, {"the copy": total})
        reporter = Reporter("copy", listener, threading.Event(), total)
        for source in sources:
            reporter.begin(source.name)
            _copy(source, folder / source.name, reporter)
    except OSError as error:
        remove_if_empty(folder)
        raise KnownError(
            "unwritable", f"{path.name} could not be copied to {folder}: {error.strerror}.", "", path=str(path)
        ) from error
    except KnownError:
        remove_if_empty(folder)
        raise
    return folder / path.name


def _copy(source: Path, target: Path, reporter: Reporter) -> None:
    if target.exists():
        raise KnownError(
            "file_exists", f"{target} exists already.", "Choose another --name, or import that file.", path=str(target)
        )
    with replace_file(target) as copy:
        for data in _chunks(source):
            copy.write(data)
            reporter.add(len(data))
        copy.flush()
        shutil.copystat(source, copy.name)


def _chunks(path: Path) -> Iterator[bytes]:
    """The content in chunks of `_COPY_BYTES`. Raises KnownError("unreadable")."""
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(_COPY_BYTES):
                yield data
    except OSError as error:
        raise unreadable(path, error) from error
