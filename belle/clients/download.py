"""One file from a hub to the disk: it goes on where it stopped, and gets its name only when its bytes are right."""

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
"""How much of a download a power cut may cost."""

_READ_BYTES = 1 << 20


def part_path(target: Path) -> Path:
    """Where `target` grows."""
    return target.with_name(f".{target.name}.part")


def fetch(hub: Hub, file: RemoteFile, target: Path, reporter: Reporter, retries: Retries) -> None:
    """Download `file` as `target`, unless it is there already: a file under its real name is whole and right.

    Raises KnownError: those of the hub when it is not tried again, "wrong_bytes" (the bad file is removed),
    "disk_full", "folder_not_writable"; and InstallStoppedError. What has arrived is kept for the next time but for
    wrong bytes.
    """
    reporter.begin(file.name)
    if target.exists():
        reporter.add(target.stat().st_size, counts=False)
        return
    with writing(target, advice=_GO_ON), _Growing(part_path(target), file) as growing:
        growing.read_what_is_there(reporter)
        while not growing.is_whole:
            try:
                _stream(hub, growing, reporter, retries)
            except HubError as error:
                if error.details.get("status") == _RANGE_NOT_SATISFIABLE:
                    growing.start_again(reporter)
                retries.failed(error)
        growing.finish(target)


_RANGE_NOT_SATISFIABLE = 416
_GO_ON = "Free some space and run the same command again: it goes on where it stopped."


def _stream(hub: Hub, growing: _Growing, reporter: Reporter, retries: Retries) -> None:
    """Let it grow until the hub closes the connection."""
    file = growing.file
    with hub.body(file, growing.size) as (first, chunks):
        if first == 0:
            growing.start_again(reporter)
        elif first != growing.size:
            raise HubError(
                "not_a_hub",
                f"{hub.endpoint} sends another part of {file.name} than it was asked for.",
                "Try another endpoint.",
            )
        for chunk in chunks:
            growing.write(chunk)
            reporter.add(len(chunk))
            retries.succeeded()
    if file.size is None:
        growing.is_whole = True
    elif growing.size < file.size:
        raise broken_off(None, hub.endpoint, file.repo, file.name)


class _Growing:
    """The part file: its bytes are hashed as they come, and on the disk every `SYNC_BYTES`."""

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self.file, self.size, self.is_whole = file, 0, False
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

    def read_what_is_there(self, reporter: Reporter) -> None:
        """Take over what an earlier run left, but for the end that may not have reached the disk in a power cut."""
        there = os.fstat(self._stream.fileno()).st_size
        whole = there == self.file.size
        sound = there if whole else max(0, there - 1) // SYNC_BYTES * SYNC_BYTES
        if self.file.size is None or there > self.file.size:
            sound = 0
        self._stream.truncate(sound)
        while self.size < sound and (data := self._stream.read(min(_READ_BYTES, sound - self.size))):
            self._digest.update(data)
            self.size += len(data)
            reporter.add(len(data), counts=False)
        self.is_whole = self.size == self.file.size

    def start_again(self, reporter: Reporter) -> None:
        """Forget everything."""
        reporter.add(-self.size, counts=False)
        self._stream.seek(0)
        self._stream.truncate(0)
        self.size, self._digest = 0, self._new_digest()

    def write(self, chunk: bytes) -> None:
        """Append. What lies before a multiple of `SYNC_BYTES` is on the disk before anything behind it is written."""
        rest = memoryview(chunk)
        while rest:
            room = SYNC_BYTES - self.size % SYNC_BYTES
            written = self._stream.write(rest[:room])
            self._digest.update(rest[:written])
            self.size += written
            rest = rest[written:]
            if written == room:
                os.fsync(self._stream.fileno())
        self.is_whole = self.size == self.file.size

    def finish(self, target: Path) -> None:
        """Check the bytes and give the file its name. Raises KnownError("wrong_bytes")."""
        expected = self.file.sha256 or self.file.git_sha1
        found = self._digest.hexdigest()
        if (expected and found != expected) or (self.file.size is not None and self.size > self.file.size):
            self._path.unlink()
            kind = "SHA-256" if self.file.sha256 else "git hash"
            raise KnownError(
                "wrong_bytes",
                f"{self.file.name} arrived with wrong bytes: its {kind} is {found}, and should be {expected}.",
                "The bad file was removed. Run the same command again to download it anew; if that fails too, try "
                "another endpoint.",
                file=self.file.name,
                repo=self.file.repo,
                expected=expected,
                found=found,
            )
        commit_file(self._path, target)

    def _new_digest(self) -> hashlib._Hash:
        if self.file.git_sha1 and not self.file.sha256:
            return hashlib.sha1(b"blob %d\0" % (self.file.size or 0), usedforsecurity=False)
        return hashlib.sha256()
