"""`run.json`: when, where and on what machine a run took place, and how it ended. The report shows it with the curves.

Every start and every resumption is a session. A process that was killed cannot write how it ended: its session stays
`running`, and the reader of the record checks whether that process still exists.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from typing import Any

from belle.documents import read_json
from belle.durable import write_text
from belle.environment import machine, versions
from belle.errors import KnownError
from belle.training.run_folder import RunFolder


class RunRecord:
    """The record of the run in `folder`. On every rank but 0 it does nothing.

    Args:
        folder: of the run.
        stage: what is trained, such as `sft`.
        resumed: keep the earlier sessions of the record; otherwise it begins anew.
        rank: number of this process.
        world_size: number of processes.
        steps: optimizer steps of the whole run.

    Raises KnownError (`disk_full`, `folder_not_writable`), as do all methods.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        stage: str,
        resumed: bool = False,
        rank: int = 0,
        world_size: int = 1,
        steps: int = 0,
    ) -> None:
        self._path = folder.record
        self._on = rank == 0
        if not self._on:
            return
        earlier = read_record(folder) if resumed else {}
        self._session: dict[str, Any] = {
            "started": _now(),
            "ended": None,
            "status": "running",
            "reason": "",
            "processes": world_size,
            "pid": os.getpid(),
            "host": platform.node(),
            "versions": versions(),
            "machine": machine(),
        }
        sessions = earlier.get("sessions")
        self._values: dict[str, Any] = {
            **earlier,
            "stage": stage,
            "steps": steps,
            "sessions": [*(sessions if isinstance(sessions, list) else []), self._session],
        }
        self._write()

    def update(self, **facts: Any) -> None:
        """Add facts, JSON-serializable: `data` (counts per set), `parameters`, `precision`, or any other."""
        if self._on:
            self._values |= facts
            self._write()

    def finish(self, status: str = "finished", reason: str = "") -> None:
        """Record how the session ended: `finished`, `stopped` (by a signal) or `failed`, with the reason in words."""
        if self._on:
            self._session |= {"ended": _now(), "status": status, "reason": reason}
            self._write()

    def _write(self) -> None:
        write_text(self._path, json.dumps(self._values, ensure_ascii=False, indent=1, default=str) + "\n")


def read_record(folder: RunFolder) -> dict[str, Any]:
    """The content of `run.json`; empty when it does not exist or cannot be read."""
    try:
        values = read_json(folder.record)
    except KnownError:
        return {}
    return values if isinstance(values, dict) else {}


def still_runs(session: dict[str, Any]) -> bool:
    """Whether the process of a session is still running, as far as this machine can tell."""
    import psutil

    if session.get("status") != "running" or session.get("host") != platform.node():
        return False
    try:
        process = psutil.Process(int(session["pid"]))
        started = datetime.datetime.fromisoformat(session["started"]).timestamp()
        # The operating system may have given the number to another process since.
        return bool(process.create_time() <= started + 1 and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
