"""Notices crashes of this process: exceptions that nobody caught, and signals that end it.

PySide6 hands an exception of a slot or of an event handler to `sys.excepthook`, and the window goes on. After a fatal
signal no Python runs; `faulthandler` then writes the stacks into a file that was opened before, and the next start
makes a report of it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from belle import paths

# What writes a report is imported when there is one to write.
if TYPE_CHECKING:
    from desktop.crashes.reports import CrashReport

_MOST_OF_A_RUN = 10
"""Reports. A fault in a paint event comes back with every frame."""

_LARGEST_FAULT = 1 << 16  # bytes
_RUNNING = "running-"


class CrashWatch:
    """Writes a report for each crash between `start` and `stop`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or paths.crashes_dir()
        self._reported: set[tuple[str, ...]] = set()
        self._fault_file: TextIO | None = None

    def start(self) -> None:
        """Watch from now on. Exceptions are still printed."""
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        with contextlib.suppress(OSError):
            path = paths.private_folder(self._folder) / f"{_RUNNING}{os.getpid()}"
            self._fault_file = path.open("w", encoding="utf-8")
            # The lock says that this process runs: a number of a process may be another's by the next start.
            fcntl.flock(self._fault_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            faulthandler.enable(self._fault_file)

    def stop(self) -> None:
        """Watch no more."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        if self._fault_file is not None:
            faulthandler.disable()
            with contextlib.suppress(OSError):
                Path(self._fault_file.name).unlink()
            self._fault_file.close()
            self._fault_file = None

    def announce(self) -> int:
        """The number of reports of earlier runs that the person has not been told of; from now on they have been.

        Also makes reports of the signals that ended earlier processes.
        """
        try:
            for path in self._folder.glob(f"{_RUNNING}*"):
                self._collect(path)
            if not any(self._folder.glob("*.json")):  # the usual case
                return 0
        except OSError:
            return 0
        from desktop.crashes.reports import CrashReports

        return CrashReports(self._folder).announce()

    def engine_died(self, kind: str, returncode: int | None, log: str) -> None:
        """Report the death of the model's process; arguments as in `making.of_engine`."""
        with contextlib.suppress(Exception):
            from desktop.crashes.making import of_engine

            self._add(of_engine(kind, returncode, log))

    def _collect(self, path: Path) -> None:
        with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while that process runs, such as this one
            text, at = file.read(_LARGEST_FAULT), path.stat().st_mtime
            if text:
                from desktop.crashes.making import of_signal

                self._add(of_signal(text, at))
            path.unlink()

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None, thread: str = ""
    ) -> None:
        # An exception in here would be reported in here.
        with contextlib.suppress(Exception):
            if isinstance(error, Exception):
                from desktop.crashes.making import of_exception

                self._add(of_exception(error, traceback, thread))
        sys.__excepthook__(kind, error, traceback)

    def _on_thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            name = arguments.thread.name if arguments.thread is not None else ""
            self._on_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback, name)

    def _add(self, report: CrashReport) -> None:
        from desktop.crashes.reports import CrashReports

        same = (report.kind, report.what, *report.frames)
        if same not in self._reported and len(self._reported) < _MOST_OF_A_RUN:
            self._reported.add(same)
            CrashReports(self._folder).add(report)
