"""Trains one run of a sweep in a process of its own, from where an earlier process stopped.

A process that dies, of too little memory for instance, ends its run and not the sweep.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from belle.documents import DocumentError, parse_json_row
from belle.durable import writing
from belle.training.checkpoints.manifest import MANIFEST
from belle.training.run_folder import RunFolder
from belle.training.tracking.run_record import read_record

_POLL_SECONDS = 0.5
_TAIL_BYTES = 4096
_INTERRUPTED = (130, 143)


@dataclass(frozen=True, slots=True)
class Training:
    """How one run is trained.

    Args:
        recipe: its file.
        changes: of the recipe, as for `--set`.
        folder: its `output_dir`.
        log: where what it prints goes.
    """

    recipe: Path
    changes: Sequence[str]
    folder: RunFolder
    log: Path

    @property
    def is_finished(self) -> bool:
        """Whether its final model exists."""
        return (self.folder.final / MANIFEST).is_file()

    @property
    def is_begun(self) -> bool:
        """Whether there is something to go on from, or in the way."""
        return self.folder.path.is_dir() and self.folder.holds_run()

    @property
    def command(self) -> list[str]:
        """That trains it."""
        changes = [*self.changes, f"output_dir={self.folder.path}"]
        words = [word for change in changes for word in ("--set", change)]
        return [sys.executable, "-m", "belle", "train", str(self.recipe), *words, *(["--resume"] * self.is_begun)]


def train(training: Training, on_step: Callable[[int, int], None] = lambda _step, _steps: None) -> str:
    """Train until the final model exists. Returns why it failed, a sentence; "" when it did not.

    Args:
        on_step: called now and then with the last step and the number of steps; 0 when it is not known.

    Raises KnownError("disk_full", "folder_not_writable"), and KeyboardInterrupt when the run was interrupted: it has
    saved what it had.
    """
    with writing(training.log):
        training.log.parent.mkdir(parents=True, exist_ok=True)
        with training.log.open("ab") as log:
            process = start(training.command, log.fileno())
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(timeout=_POLL_SECONDS)
                break
            on_step(*_progress(training.folder))
    except KeyboardInterrupt:
        # The terminal has told the child, too: it finishes its step and saves.
        process.wait()
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if status in _INTERRUPTED:
        raise KeyboardInterrupt
    if status == 0 and training.is_finished:
        return ""
    return _reason(training.log, status)


def start(command: Sequence[str], log: int) -> subprocess.Popen[bytes]:
    """Start a run; `log` is a file descriptor."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _progress(folder: RunFolder) -> tuple[int, int]:
    steps = read_record(folder).get("steps", 0)
    with suppress(OSError, DocumentError, IndexError, ValueError, TypeError, KeyError):
        row = parse_json_row(_tail(folder.metrics).splitlines()[-1])
        return int(row["step"]), int(steps)
    return 0, int(steps) if isinstance(steps, int) else 0


def _reason(log: Path, status: int) -> str:
    """The last thing that the run said, its error if it named one."""
    lines = [line.strip() for line in _tail(log).decode("utf-8", "replace").splitlines() if line.strip()]
    named = [line.removeprefix("belle: ") for line in lines if line.startswith("belle: ")]
    if status < 0:
        return f"it was ended by signal {-status}, which mostly means that memory ran out ({log})"
    return (named or lines or [f"it ended with status {status} ({log})"])[-1][:300]


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read()
