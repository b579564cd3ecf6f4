"""What did these 4 bits cost? Measures a model file against the one it was made from: `belle measure` in a process."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from belle import paths
from desktop.library.child_process import child_process

Language = Literal["zh", "en"]

WINDOWS = 24
"""Windows of 512 tokens that are read: enough for two digits of the divergence, in minutes and not in hours."""

_GRACE_MS = 5_000
_UNFIT_FOR_NAMES = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True, slots=True)
class CostReport:
    """What was measured: a summary in a few lines of text, and the page of the report; or why it was not."""

    summary: str = ""
    page: Path | None = None
    error: str = ""


class CostMeasurement(QObject):
    """Measures one file against its parent. `ended` has a `CostReport`, or None when it was stopped.

    A measurement that was stopped goes on when the same one is started again.
    """

    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = child_process(self)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._on_error)
        self._folder = Path()
        self._stopped = False

    @property
    def is_running(self) -> bool:
        """Whether it measures now."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def start(self, reference: Path, candidate: Path, language: Language) -> None:
        """Measure `candidate` against `reference`, a GGUF or a checkpoint's folder, on the text of the program."""
        name = _UNFIT_FOR_NAMES.sub("-", f"{candidate.stem}-against-{reference.stem}-{language}")
        self._folder, self._stopped = paths.measurements_dir() / name, False
        paths.private_folder(self._folder.parent)
        text = paths.asset(f"text/{language}.txt")
        words = ["measure", str(reference), str(candidate), "--text", str(text), "-o", str(self._folder)]
        resume = ["--resume"] if self._folder.is_dir() else []
        self._process.start(sys.executable, ["-P", "-m", "belle", *words, "--chunks", str(WINDOWS), *resume])

    def stop(self) -> None:
        """End it."""
        if self.is_running:
            self._stopped = True
            self._process.terminate()
            QTimer.singleShot(_GRACE_MS, self, self._process.kill)

    def close(self) -> None:
        """End it now, with its window."""
        self._process.finished.disconnect()
        if self.is_running:
            self._process.terminate()
            if not self._process.waitForFinished(2000):
                self._process.kill()
                self._process.waitForFinished(2000)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:  # of the others, `finished` tells
            self.ended.emit(CostReport(error=self._process.errorString()))

    def _finished(self) -> None:
        summary = bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace")
        errors = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        page = self._folder / "report.html"
        if self._stopped:
            self.ended.emit(None)
        elif self._process.exitCode() == 0 and page.is_file():
            self.ended.emit(CostReport(summary.rpartition("\n\n")[0].strip() or summary.strip(), page))
        else:
            if not page.is_file():
                shutil.rmtree(self._folder, ignore_errors=True)  # nothing was measured that could be gone on with
            lines = [line for line in errors.splitlines() if line.strip()]
            self.ended.emit(CostReport(error="\n".join(lines[-4:])))
