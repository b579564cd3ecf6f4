"""A folder of files that is written whole or not at all, by one process or by several.

The files go to `NAME.tmp`, each is put on the disk and hashed, then the manifest, then the folder gets its name. A
folder of that name that was there before is moved aside first and deleted last, so that one of the two is always whole.
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
# On network file systems another machine's file appears after a while.
_VISIBLE_SECONDS = 60.0


@dataclass(frozen=True)
class Filled:
    """A folder whose files are written, and which has neither its manifest nor its name yet.

    Attributes:
        folder: what it will be called.
        temporary: where the files are.
        sizes: of all files, as the ranks together see them, in bytes.
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

    All ranks call it. Arguments and errors are those of `CheckpointStore.save`. Nothing is left of an attempt that
    failed.
    """
    complete(fill(folder, write, ranks), step=step, recipe=recipe, extra=extra, ranks=ranks)


def fill(folder: Path, write: Callable[[Path], None], ranks: Ranks) -> Filled:
    """The first half of `write_folder`: every rank writes its files. They may still be in memory alone."""
    temporary = folder.with_name(folder.name + TEMPORARY)

    def write_mine() -> None:
        with writing(temporary):
            temporary.mkdir(parents=True, exist_ok=True)
            write(temporary)

    with _cleaned(folder, ranks):
        on_all_ranks(ranks, lambda: _start(folder, temporary) if ranks.rank == 0 else None)
        on_all_ranks(ranks, write_mine)
        sizes: dict[str, int] = {}
        for seen in on_all_ranks(ranks, lambda: files_in(temporary)):
            sizes.update(seen)
    return Filled(folder, temporary, sizes)


def complete(
    filled: Filled,
    *,
    step: int,
    recipe: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    ranks: Ranks = SINGLE_PROCESS,
    threads: int | None = None,
) -> None:
    """The second half: files on the disk, hashed (on so many `threads`), manifest, name."""
    temporary, sizes = filled.temporary, filled.sizes
    mine = share(sizes, ranks.rank, ranks.world_size)

    def seal_mine() -> dict[str, FileDigest]:
        _wait_until_visible(temporary, mine if ranks.rank else list(sizes))
        with writing(temporary):
            return sync_and_hash(temporary, mine, threads)

    with _cleaned(filled.folder, ranks):
        files = {name: sealed for part in on_all_ranks(ranks, seal_mine) for name, sealed in part.items()}
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
def _cleaned(folder: Path, ranks: Ranks) -> Iterator[None]:
    """What fails leaves nothing behind."""
    try:
        yield
    except Exception:
        if ranks.rank == 0:
            with contextlib.suppress(OSError):
                recover(folder)
        raise


def _start(folder: Path, temporary: Path) -> None:
    with writing(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        recover(folder)
        temporary.mkdir()


def _finish(folder: Path, temporary: Path, manifest: Manifest) -> None:
    with writing(temporary):
        path = temporary / MANIFEST
        path.write_bytes(utf8(manifest.text()))
        sync_file(path)
        for inner in (found for found in temporary.rglob("*") if found.is_dir()):
            sync_folder(inner)
        sync_folder(temporary)
        replaced = folder.with_name(folder.name + REPLACED)
        if folder.exists():
            folder.rename(replaced)
        temporary.rename(folder)
        sync_folder(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def recover(folder: Path) -> None:
    """Remove what an attempt to write `folder` left; what it was replacing gets its name back. Raises OSError."""
    replaced, temporary = (folder.with_name(folder.name + suffix) for suffix in (REPLACED, TEMPORARY))
    if replaced.exists() and not folder.exists():
        replaced.rename(folder)
    for rubbish in (replaced, temporary):
        if rubbish.exists():
            shutil.rmtree(rubbish)


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
