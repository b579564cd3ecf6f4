"""The manifest of a checkpoint: every file with its size and sha256, the recipe, and the versions of the libraries.

A folder without a manifest was never finished; one whose files differ from it is not loaded. Files are hashed and
synced in threads at the same time: hashlib and fsync both release the interpreter's lock.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from belle.clients.copies import VOCABULARY_FILES
from belle.documents import parse_json
from belle.durable import sync_file
from belle.environment import versions
from belle.errors import KnownError

MANIFEST = "manifest.json"
_FORMAT = 1
TOKENIZER_FILES = (
    *VOCABULARY_FILES, "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja",
)  # fmt: skip
"""The files that a checkpoint's tokenizer may consist of."""


@dataclass(frozen=True)
class FileDigest:
    """One file of a checkpoint: its size in bytes and the sha256 of its content (hexadecimal)."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        step: optimizer steps done.
        files: every other file of the folder, by its path relative to it, with `/`.
        recipe: the resolved recipe.
        extra: further values of the run that a resume needs, JSON-serializable.
        world_size: number of processes that wrote it.
        versions: of the libraries.
        tokenizer_sha256: of all files of the tokenizer together; None when there are none.
        written: time of writing, ISO 8601, UTC.
    """

    step: int
    files: Mapping[str, FileDigest]
    recipe: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)
    world_size: int = 1
    versions: Mapping[str, str] = field(default_factory=versions)
    tokenizer_sha256: str | None = None
    written: str = field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))

    def text(self) -> str:
        """The content of `manifest.json`."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, ensure_ascii=False, indent=1, default=str) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a checkpoint; its files are not checked. Raises KnownError (`checkpoint_broken`)."""
    path = folder / MANIFEST
    try:
        values = parse_json(path.read_bytes())
        if values.pop("format") != _FORMAT:
            raise ValueError("its format is of another version")
        files = {
            _inside(name): FileDigest(int(row["size"]), str(row["sha256"])) for name, row in values["files"].items()
        }
        return Manifest(**{**values, "step": int(values["step"]), "files": files})
    except FileNotFoundError:
        raise _broken(folder, f"it has no {MANIFEST}") from None
    except OSError as error:
        raise _broken(folder, f"{MANIFEST} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _broken(folder, f"{MANIFEST} is damaged ({error})") from error


def tokenizer_sha256(files: Mapping[str, FileDigest]) -> str | None:
    """One hash of all tokenizer files among `files`, in any order; None when there are none."""
    rows = sorted((name, f.sha256) for name, f in files.items() if PurePosixPath(name).name in TOKENIZER_FILES)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest() if rows else None


def files_in(folder: Path) -> dict[str, int]:
    """Every file below `folder` but the manifest: relative path with `/` → size in bytes. Raises OSError."""
    files = (path for path in folder.rglob("*") if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    sizes.pop(MANIFEST, None)
    return sizes


def share(sizes: Mapping[str, int], rank: int, world_size: int) -> list[str]:
    """The files that one of `world_size` ranks syncs and hashes: about the same number of bytes for each rank.

    Greedy: the largest file first, each to the rank with the fewest bytes so far. Every rank computes the same result.
    """
    loads = [0] * world_size
    own = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = loads.index(min(loads))
        loads[least] += sizes[name] + 1
        if least == rank:
            own.append(name)
    return own


def sync_and_hash(folder: Path, names: Sequence[str], threads: int | None = None) -> dict[str, FileDigest]:
    """Sync files to the disk and hash them on `threads` threads, both at the same time. Raises OSError."""
    with ThreadPoolExecutor(threads or _threads()) as hashing, ThreadPoolExecutor(_threads()) as syncing:
        # The largest file takes longest, so it goes first.
        order = sorted(names, key=lambda name: -(folder / name).stat().st_size)
        synced = [syncing.submit(sync_file, folder / name) for name in order]
        digests = {name: hashing.submit(file_digest, folder / name) for name in order}
        _wait(synced)
        return {name: future.result() for name, future in digests.items()}


def first_problem(folder: Path, files: Mapping[str, FileDigest]) -> str | None:
    """The first difference from the manifest, such as “model.safetensors is missing”; None if there is none.

    Sizes are compared before hashes: they cost nothing.
    """
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        size = path.stat().st_size
        if size != expected.size:
            return f"{name} has {size:,} bytes instead of {expected.size:,}"
    with ThreadPoolExecutor(_threads()) as pool:
        order = sorted(files, key=lambda name: -files[name].size)
        digests = {name: pool.submit(file_digest, folder / name) for name in order}
        for name, future in digests.items():
            try:
                if future.result() != files[name]:
                    return f"{name} is not what was written (its sha256 differs)"
            except OSError as error:
                return f"{name} cannot be read ({error.strerror})"
    return None


def file_digest(path: Path) -> FileDigest:
    """Size and hash of a file. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileDigest(file.tell(), digest.hexdigest())


def _threads() -> int:
    return max(2, min(8, os.cpu_count() or 2))


def _wait(futures: Iterable[Future[None]]) -> None:
    for future in futures:
        future.result()


def _inside(name: str) -> str:
    """`name`, when it is a relative path that stays inside the folder. Raises ValueError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"it names a file outside the folder: {name}")
    return name


def _broken(folder: Path, why: str) -> KnownError:
    return KnownError(
        "checkpoint_broken",
        f"{folder} is not a complete checkpoint: {why}.",
        "Use an earlier checkpoint; this folder can be deleted.",
        path=str(folder),
        reason=why,
    )
