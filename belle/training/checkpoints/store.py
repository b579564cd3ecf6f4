"""Checkpoints that cannot be half-written.

    step-20.tmp/ is filled → its files are synced → manifest.json is written and synced → renamed to step-20/
    → old checkpoints are deleted

So a folder called `step-N` is complete, whenever the machine was switched off, and `.tmp` is what a killed run left. To
resume, the newest checkpoint is taken whose files match its manifest, because disks and people damage files too. With
several processes each writes its own files, and each hashes a part of all files.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

from belle.durable import write_failure, writing
from belle.errors import KnownError
from belle.streams import to_stderr
from belle.training.checkpoints.atomic_folder import REPLACED, TEMPORARY, complete, fill, recover
from belle.training.checkpoints.manifest import FileDigest, first_problem, read_manifest, share
from belle.training.cluster.ranks import SINGLE_PROCESS, Ranks, on_all_ranks
from belle.training.run_folder import RunFolder

_HELD = (errno.EACCES, errno.EAGAIN)  # of a lock that another process holds


class CheckpointStore:
    """The checkpoints of one run, as `step-N` folders. Close it, or use it in a `with` statement.

    Args:
        folder: of the run.
        keep_last: how many are kept; 0 keeps all.
        ranks: the processes of the run. `newest` and `save` must be called by all of them.
        notice: gets one sentence for each problem that does not stop the run.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        keep_last: int = 2,
        ranks: Ranks = SINGLE_PROCESS,
        notice: Callable[[str], None] = to_stderr,
    ) -> None:
        self.folder = folder
        self._keep_last = keep_last
        self._ranks = ranks
        self._thread_ranks = ranks.duplicate()
        self._notice = notice
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None
        self._lock = FolderLock(folder.lock)
        self._broken: set[int] = set()

    def __enter__(self) -> CheckpointStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the last checkpoint, and release the folder. Raises as `settle`."""
        try:
            self.settle()
        finally:
            self._thread.shutdown()
            self._lock.release()

    def settle(self) -> None:
        """Wait until the last checkpoint is on the disk. All ranks call it. Raises its errors, as `save`."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def claim(self) -> None:
        """Make the folder and lock it against other runs, as the first `save` does. All ranks call it.

        Raises KnownError (`run_in_use`, `folder_not_writable`).
        """

        def take() -> None:
            if self._ranks.rank == 0:
                with writing(self.folder.path):
                    self.folder.path.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()

        on_all_ranks(self._ranks, take)

    def newest(self) -> Path | None:
        """The newest complete checkpoint, the same on every rank; None when there is none.

        Removes what a killed run left, and reports why newer checkpoints are not used.
        Raises KnownError (`run_in_use`, `folder_not_writable`).
        """

        def prepare() -> list[int]:
            if self._ranks.rank or not self.folder.path.is_dir():
                return []
            self._lock.acquire()
            with writing(self.folder.path):
                _clean(self.folder)
                return self.folder.steps()[::-1]

        for step in on_all_ranks(self._ranks, prepare)[0]:
            path = self.folder.checkpoint(step)
            problem = self._problem(path, step)
            if problem is None:
                return path
            self._broken.add(step)
            if self._ranks.rank == 0:
                self._notice(f"Checkpoint {path} is not used: {problem}.")
        return None

    def save(
        self,
        step: int,
        write: Callable[[Path], None],
        *,
        recipe: Mapping[str, Any],
        extra: Mapping[str, Any] | None = None,
        wait: bool = True,
    ) -> Path:
        """Write the checkpoint `step-N` and delete the oldest. With `wait`, the checkpoint is on the disk on return.

        Args:
            step: optimizer steps done.
            write: called on every rank with the same folder; writes the files of its rank into it.
            recipe: the resolved recipe, JSON-serializable.
            extra: further JSON-serializable values for the manifest.
            wait: False returns as soon as `write` has: the checkpoint is complete after the next `settle`, `save` or
                `close`, which raises what went wrong.

        Raises KnownError (`disk_full`, `folder_not_writable`, `folder_not_shared`, `run_in_use`, `rank_failed`) and
        whatever `write` raises. Earlier checkpoints are kept when it fails.
        """

        self.settle()
        self.claim()
        filled = fill(self.folder.checkpoint(step), write, self._ranks)
        # The thread reads copies: the run goes on changing its own.
        recipe, extra = deepcopy(dict(recipe)), deepcopy(dict(extra or {}))

        def finish() -> None:
            threads = None if wait else max(1, (os.cpu_count() or 1) // 4)  # the others are training
            complete(filled, step=step, recipe=recipe, extra=extra, ranks=self._thread_ranks, threads=threads)
            self._broken.discard(step)
            if self._ranks.rank == 0:
                self._prune(step)

        self._pending = self._thread.submit(finish)
        if wait:
            self.settle()
        return filled.folder

    def _problem(self, path: Path, step: int) -> str | None:
        """Why a checkpoint cannot be used; None if it can. Each rank checks a part of the files."""

        def read() -> tuple[str | None, dict[str, FileDigest]]:
            if self._ranks.rank:
                return None, {}
            try:
                manifest = read_manifest(path)
            except KnownError as error:
                return str(error.details["reason"]), {}
            if manifest.step != step:
                return f"its manifest is of step {manifest.step}", {}
            return None, dict(manifest.files)

        problem, files = on_all_ranks(self._ranks, read)[0]
        if problem is not None:
            return str(problem)
        sizes = {name: digest.size for name, digest in files.items()}
        own = {name: files[name] for name in share(sizes, self._ranks.rank, self._ranks.world_size)}
        problems = on_all_ranks(self._ranks, lambda: first_problem(path, own))
        return next(filter(None, problems), None)

    def _prune(self, step: int) -> None:
        """Delete all but the last `keep_last` checkpoints. Damaged ones do not count, and are left to the user."""
        if not self._keep_last:
            return
        whole = [saved for saved in self.folder.steps() if saved <= step and saved not in self._broken]
        for old in whole[: -self._keep_last]:
            path = self.folder.checkpoint(old)
            try:
                # Renamed first: a half-deleted folder must not look like a checkpoint.
                leftover = path.rename(path.with_name(path.name + TEMPORARY))
                shutil.rmtree(leftover)
            except OSError as error:
                self._notice(f"The old checkpoint {path} could not be deleted: {error.strerror or error}.")


def _clean(folder: RunFolder) -> None:
    """Remove what killed runs left in a run's folder. Raises OSError."""
    for path in list(folder.path.iterdir()):
        if path.suffix in (TEMPORARY, REPLACED) and folder.is_model(path.stem):
            recover(path.with_suffix(""))


class FolderLock:
    """A lock on a file, so that one run at a time writes a folder: a second one would delete what the first writes.

    It is a POSIX record lock. The kernel releases it when the process ends, however it ends; child processes that
    outlive a killed run do not hold it (unlike `flock`); and it works over NFS.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; the folder exists. Does nothing when it is held already.

        Raises KnownError (`run_in_use`, `folder_not_writable`).
        """
        if self._file is not None:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_failure(self._path.parent, error) from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, 200).decode(errors="replace").strip()
            os.close(file)
            if error.errno not in _HELD:
                return  # a file system without locks
            raise KnownError(
                "run_in_use",
                f"Another run is writing {self._path.parent}" + (f" ({holder})." if holder else "."),
                "Wait for it, stop it, or set another output_dir.",
                path=str(self._path.parent),
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"process {os.getpid()} on {platform.node()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
