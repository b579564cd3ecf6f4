"""Jobs of the library, each in a process of its own: getting, copying and converting a model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from belle.clients.progress import Step
from belle.documents import parse_json_row
from belle.errors import KnownError
from belle.texts import json_text, utf8
from desktop.library.child_process import child_process

_PROCESS = "convert.install.process"
_GRACE_MS = 8_000
_STDERR_CHARS = 4_000

Outcome = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as it is now. `result` is what a job that is done has made, `error` why one failed."""

    ref: str
    outcome: Outcome = "running"
    step: Step | None = None
    result: Mapping[str, Any] | None = None
    error: KnownError | None = None
    stopping: bool = False


class LibraryJob(QObject):
    """One job. `changed` has its `JobState` while it runs; `ended` is emitted once, when its process has ended.

    Args:
        ref: of the model, for the one who started it.
        job: the first line for the process, see `convert.install.process`.
    """

    changed = Signal(object)
    ended = Signal(object)

    def __init__(self, ref: str, job: Mapping[str, Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = JobState(ref)
        self._errors = ""
        self._process = child_process(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._not_started)
        self._process.start(sys.executable, ["-P", "-m", _PROCESS])
        self._process.write(utf8(json_text(dict(job))) + b"\n")

    def stop(self) -> None:
        """End it, and keep what is done. A process that does not end is killed: all of it can be interrupted."""
        if self.state.outcome == "running" and not self.state.stopping:
            self._set(stopping=True)
            self._process.closeWriteChannel()
            QTimer.singleShot(_GRACE_MS, self, self._process.kill)

    def close(self) -> None:
        """End it now, with the window."""
        self._process.finished.disconnect()
        self._process.closeWriteChannel()
        if not self._process.waitForFinished(1500):
            self._process.kill()
            self._process.waitForFinished(1500)

    def _read(self) -> None:
        while self._process.canReadLine():
            try:
                answer = parse_json_row(bytes(self._process.readLine().data()))
            except ValueError:
                continue
            if "step" in answer:
                self._set(step=Step(**answer["step"]))
            elif "done" in answer:
                self._set(outcome="done", result=answer["done"])
            elif "stopped" in answer:
                self._set(outcome="stopped")
            else:
                self._set(outcome="failed", error=KnownError.from_fields(answer["failed"]))

    def _read_errors(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        self._errors = (self._errors + text)[-_STDERR_CHARS:]

    def _not_started(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._finished()

    def _finished(self) -> None:
        self._read()
        if self.state.outcome == "running":
            if self.state.stopping:
                self._set(outcome="stopped")
            else:
                message = "The process that did this ended before it was done."
                advice = "What is done is kept: try again, and it goes on from there."
                self._set(outcome="failed", error=KnownError("job_died", message, advice, log=self._errors))
        self.ended.emit(self.state)

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        if self.state.outcome == "running":
            self.changed.emit(self.state)
