"""A folder of files that is written whole or not at all, by one process or by several.

The files are written to `NAME.tmp`, synced and hashed; then the manifest is written, and the folder is renamed. An
older folder of that name is moved aside first and deleted last, so that one of the two is always whole.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle.durable import sync_file, sync_folder, writing
from belle.errors import KnownError
from belle.texts import utf8
from belle.training.checkpoints.manifest import (
    MANIFEST,
    FileDigest,
    Manifest,
    files_in,
    share,
    sync_and_hash,
    tokenizer_sha256,
)
from belle.training.cluster.ranks import SINGLE_PROCESS, Ranks, on_all_ranks

TEMPORARY, REPLACED = ".tmp", ".replaced"
# On network file systems another machine's file becomes visible after a while.
_VISIBLE_SECONDS = 60.0


@dataclass(frozen=True)
class FilledFolder:
    """A folder whose files are written, still without its manifest and its final name.

    Attributes:
        folder: its final path.
        temporary: its path now.
        sizes: of all files that any rank sees, in bytes.
    """

    folder: Path
    temporary: Path
    sizes: Mapping[str, int]


def write_folder(
    folder: Path,
    write: Callable[[Path], None],
    *,
    step: int,
    recipe: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    ranks: Ranks = SINGLE_PROCESS,
) -> None:
    """Write a folder of files with a manifest, whole or not at all, and replace the one of that name.

    All ranks call it. Arguments and errors are those of `CheckpointStore.save`. A failed attempt leaves nothing behind.
    """
    complete(fill(folder, write, ranks), step=step, recipe=recipe, extra=extra, ranks=ranks)


def fill(folder: Path, write: Callable[[Path], None], ranks: Ranks) -> FilledFolder:
    """The first half of `write_folder`: every rank writes its files, which need not be on the disk yet (fsync)."""
    temporary = folder.with_name(folder.name + TEMPORARY)

    def write_own() -> None:
        with writing(temporary):
            temporary.mkdir(parents=True, exist_ok=True)
            write(temporary)

    with _removed_on_failure(folder, ranks):
        on_all_ranks(ranks, lambda: _start(folder, temporary) if ranks.rank == 0 else None)
        on_all_ranks(ranks, write_own)
        sizes: dict[str, int] = {}
        for seen in on_all_ranks(ranks, lambda: files_in(temporary)):
            sizes.update(seen)
    return FilledFolder(folder, temporary, sizes)


def complete(
    filled: FilledFolder,
    *,
    step: int,
    recipe: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    ranks: Ranks = SINGLE_PROCESS,
    threads: int | None = None,
) -> None:
    """The second half of `write_folder`: sync and hash the files on `threads` threads, write the manifest, rename."""
    temporary, sizes = filled.temporary, filled.sizes
    own = share(sizes, ranks.rank, ranks.world_size)

    def sync_own() -> dict[str, FileDigest]:
        _wait_until_visible(temporary, own if ranks.rank else list(sizes))
        with writing(temporary):
            return sync_and_hash(temporary, own, threads)

    with _removed_on_failure(filled.folder, ranks):
        files = {name: digest for part in on_all_ranks(ranks, sync_own) for name, digest in part.items()}
        manifest = Manifest(
            step=step,
            files=dict(sorted(files.items())),
            recipe=recipe,
            extra=extra or {},
            world_size=ranks.world_size,
            tokenizer_sha256=tokenizer_sha256(files),
        )
        on_all_ranks(ranks, lambda: _finish(filled.folder, temporary, manifest) if ranks.rank == 0 else None)


@contextlib.contextmanager
def _removed_on_failure(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Remove the temporary folder when the block fails."""
    try:
        yield
    except Exception:
        if ranks.rank == 0:
            with contextlib.suppress(OSError):
                recover(folder)
        raise


def _start(folder: Path, temporary: Path) -> None:
    """Make the temporary folder; remove what a killed attempt left."""
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        recover(folder)
        temporary.mkdir()


def _finish(folder: Path, temporary: Path, manifest: Manifest) -> None:
    """Write the manifest and rename the folder.

    A rename survives a power cut only once its parent folder is synced, and must not reach the disk before the files
    and folder entries it stands for: so these are synced first.
    """
    with writing(temporary):
        manifest_path = temporary / MANIFEST
        manifest_path.write_bytes(utf8(manifest.text()))
        sync_file(manifest_path)
        for inner in (path for path in temporary.rglob("*") if path.is_dir()):
            sync_folder(inner)
        sync_folder(temporary)
        replaced = folder.with_name(folder.name + REPLACED)
        if folder.exists():
            folder.rename(replaced)
        temporary.rename(folder)
        sync_folder(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def recover(folder: Path) -> None:
    """Remove what an attempt to write `folder` left, and give the folder that it was replacing its name back.

    Raises OSError.
    """
    replaced, temporary = (folder.with_name(folder.name + suffix) for suffix in (REPLACED, TEMPORARY))
    if replaced.exists() and not folder.exists():
        replaced.rename(folder)
    for leftover in (replaced, temporary):
        if leftover.exists():
            shutil.rmtree(leftover)


def _wait_until_visible(folder: Path, names: list[str]) -> None:
    deadline = time.monotonic() + _VISIBLE_SECONDS
    for name in names:
        while not (folder / name).exists():
            if time.monotonic() > deadline:
                raise KnownError(
                    "folder_not_shared",
                    f"{folder / name}, written by another process of the run, does not appear here.",
                    "Set output_dir to a folder that all machines share.",
                    path=str(folder / name),
                )
            time.sleep(0.1)
