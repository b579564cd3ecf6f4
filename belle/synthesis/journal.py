"""All replies of a run on the disk, in the order in which they came: whatever ends a run, the next one goes on.

What a run makes of its replies depends on them and their order alone. So nothing else is kept: a run that goes on reads
its replies again, and has the rows, the counts and the open requests that it had before.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from belle.clients.chat.answer_file import check_identity
from belle.durable import writing
from belle.errors import KnownError
from belle.json_lines import JsonLines, read_rows
from belle.synthesis.asks import STEPS, StepReply


class ReplyJournal:
    """The replies of one run, to be closed. The first line identifies the run.

    Args:
        path: of the file; created when it does not exist.
        identity: what all the replies depend on.
        take: called with each reply that is there already.

    Raises KnownError ("answers_of_another_run", "run_in_use", "disk_full", "folder_not_writable").
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], take: Callable[[StepReply], None]) -> None:
        self._lock = _locked(path)
        try:
            check_identity(path, identity)
            # Read twice: an error of `take` must not pass for a damaged line, at which the file would be cut.
            self._file = JsonLines(path, _reply_in)
        except BaseException:
            self._lock.close()
            raise
        try:
            for reply in filter(None, map(_reply_in, read_rows(path))):
                take(reply)
        except BaseException:
            self.close()
            raise
        if not self._file.last:
            self._file.append({"run": dict(identity)})

    def add(self, reply: StepReply) -> None:
        """Append a reply. Raises KnownError."""
        self._file.append(asdict(reply))

    def close(self) -> None:
        """Sync the file to the disk and close it. Raises KnownError."""
        try:
            self._file.sync()
        finally:
            self._file.close()
            self._lock.close()


def _locked(path: Path) -> BinaryIO:
    """The file, which no other process may have. Raises KnownError."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            message = f"Another process writes {path}."
            raise KnownError("run_in_use", message, "Wait until it ends, or give another output.") from None
    return file


def _reply_in(row: Mapping[str, Any]) -> StepReply | None:
    """The reply in a line, None for the first one. Raises KeyError, TypeError or ValueError for any other line."""
    if "run" in row:
        return None
    if row["step"] not in STEPS or not isinstance(row["context"], dict):
        raise ValueError("of another program")
    return StepReply(**row)
