"""Download one file from a hub: it resumes where it stopped, and the file gets its name only when its hash is right."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from belle.clients.errors import HubError, broken_off
from belle.clients.hub import Hub, RemoteFile
from belle.clients.progress import Reporter
from belle.clients.retry import Retries
from belle.durable import commit_file, writing
from belle.errors import KnownError

SYNC_BYTES = 8 << 20
"""The bytes of a download that a power cut may cost at most."""

_READ_BYTES = 1 << 20


def part_path(target: Path) -> Path:
    """The part file of a download to `target`."""
    return target.with_name(f".{target.name}.part")


def fetch(hub: Hub, file: RemoteFile, target: Path, reporter: Reporter, retries: Retries) -> None:
    """Download `file` to `target`, unless that exists: a file under its real name is complete and verified.

    Raises KnownError: those of the hub that are not retried, "wrong_bytes" (the part file is removed), "disk_full",
    "folder_not_writable"; and InstallStoppedError. Except for wrong bytes, the part file is kept for the next time.
    """
    reporter.begin(file.name)
    if target.exists():
        reporter.add(target.stat().st_size, counts=False)
        return
    with writing(target, advice=_FREE_SPACE), _PartFile(part_path(target), file) as part:
        part.take_over(reporter)
        while not part.is_complete and not part.is_too_long:
            try:
                _stream(hub, part, reporter, retries)
            except HubError as error:
                if error.details.get("status") == _RANGE_NOT_SATISFIABLE:
                    part.start_again(reporter)
                retries.failed(error)
        part.finish(target)


_RANGE_NOT_SATISFIABLE = 416
_FREE_SPACE = "Free some space and run the same command again: it goes on where it stopped."


def _stream(hub: Hub, part: _PartFile, reporter: Reporter, retries: Retries) -> None:
    """Append to the part file until the hub closes the connection."""
    file = part.file
    with hub.body(file, part.size) as (first, chunks):
        if first == 0:
            part.start_again(reporter)
        elif first != part.size:
            raise HubError(
                "not_a_hub",
                f"{hub.endpoint} sends a different part of {file.name} than it was asked for.",
                "Try another endpoint.",
            )
        for chunk in chunks:
            part.write(chunk)
            reporter.add(len(chunk))
            retries.succeeded()
            if part.is_too_long:  # a hub that does not end would fill the disk
                return
    if file.size is None:
        part.is_complete = True
    elif part.size < file.size:
        raise broken_off(None, hub.endpoint, file.repo, file.name)


class _PartFile:
    """A file that is being downloaded: hashed as the bytes arrive, and synchronised every `SYNC_BYTES`."""

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self.file, self.size, self.is_complete = file, 0, False
        self._path = path
        self._digest = self._new_digest()

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def is_too_long(self) -> bool:
        """Whether more bytes have arrived than the file has."""
        return self.file.size is not None and self.size > self.file.size

    def take_over(self, reporter: Reporter) -> None:
        """Hash what an earlier run left, without the end that may not have reached the disk before a power cut.

        `write` synchronises at each multiple of `SYNC_BYTES` before it writes behind it, so all bytes before the last
        multiple below the file's size are on the disk.
        """
        existing = os.fstat(self._stream.fileno()).st_size
        complete = existing == self.file.size
        synced = existing if complete else max(0, existing - 1) // SYNC_BYTES * SYNC_BYTES
        if self.file.size is None or existing > self.file.size:
            synced = 0
        self._stream.truncate(synced)
        while self.size < synced and (data := self._stream.read(min(_READ_BYTES, synced - self.size))):
            self._digest.update(data)
            self.size += len(data)
            reporter.add(len(data), counts=False)
        self.is_complete = self.size == self.file.size

    def start_again(self, reporter: Reporter) -> None:
        """Drop all bytes."""
        reporter.add(-self.size, counts=False)
        self._stream.seek(0)
        self._stream.truncate(0)
        self.size, self._digest = 0, self._new_digest()

    def write(self, chunk: bytes) -> None:
        """Append, and synchronise at each multiple of `SYNC_BYTES` before anything behind it is written."""
        rest = memoryview(chunk)
        while rest:
            room = SYNC_BYTES - self.size % SYNC_BYTES
            written = self._stream.write(rest[:room])
            self._digest.update(rest[:written])
            self.size += written
            rest = rest[written:]
            if written == room:
                os.fsync(self._stream.fileno())
        self.is_complete = self.size == self.file.size

    def finish(self, target: Path) -> None:
        """Check the hash and give the file its name. Raises KnownError("wrong_bytes")."""
        expected = self.file.sha256 or self.file.git_sha1
        actual = self._digest.hexdigest()
        if (expected and actual != expected) or self.is_too_long:
            self._path.unlink()
            kind = "SHA-256" if self.file.sha256 else "git hash"
            raise KnownError(
                "wrong_bytes",
                f"{self.file.name} arrived with wrong bytes: its {kind} is {actual}, and should be {expected}.",
                "The bad file was removed. Run the same command again to download it anew; if that fails too, try "
                "another endpoint.",
                file=self.file.name,
                repo=self.file.repo,
                expected=expected,
                found=actual,
            )
        commit_file(self._path, target)

    def _new_digest(self) -> hashlib._Hash:
        """SHA-256, or for a small file without one git's hash of it: SHA-1 of `blob SIZE\\0` and the content."""
        if self.file.git_sha1 and not self.file.sha256:
            return hashlib.sha1(b"blob %d\0" % (self.file.size or 0), usedforsecurity=False)
        return hashlib.sha256()
