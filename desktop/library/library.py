"""What the window of the library talks to: the lines to show, and everything a person can do with a model."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from belle.engine.llama.speed import load_observed, machine_speed
from belle.engine.process.native_calls import call
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader
from belle.gguf.whisper_file import WhisperHeader, is_whisper_file
from belle.models.catalog import installed_if_readable, load_catalog, remember_file
from convert.install import library as installed_library
from convert.install.library import Removal
from convert.install.local import is_adapter
from desktop.library.contents import duplicate_of
from desktop.library.entries import LibraryEntry, library_entries
from desktop.library.fit import Fit, Machine, fit_of_file, fit_of_pair
from desktop.library.found import FoundModel, found_models
from desktop.library.jobs import JobState, LibraryJob
from desktop.model_settings import LoadSettings, ModelSettings, ModelSettingsStore

if TYPE_CHECKING:
    from desktop.settings import Settings

ENDPOINT = "library/endpoint"
"""Setting: address of a hub or mirror; empty for the usual one."""
LLAMA_WEIGHTS = "library/llama_weights"
"""Setting: path of the person's own `consolidated.00.pth`."""


class Library(QObject):
    """The models of this computer, and the jobs that get more. It lives as long as the window, jobs included.

    `changed`: the lines are to be read again. `job_changed` has the `JobState` of a job.
    """

    changed = Signal()
    job_changed = Signal(object)
    _looked = Signal(object)
    _measured = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._jobs: dict[str, LibraryJob] = {}
        self._states: dict[str, JobState] = {}
        self._discarded: set[str] = set()
        self._found: tuple[FoundModel, ...] = ()
        self._gpu_memory: tuple[int, ...] | None = None  # None: not asked yet
        self.model_settings = ModelSettingsStore(settings)
        self._is_looking = False
        self._looked.connect(self._take_found)
        self._measured.connect(self.changed)

    # Lines

    def entries(self) -> list[LibraryEntry]:
        """The lines, with models of other programs once `look_around` has found them. Raises KnownError."""
        return library_entries(self.load_settings, self._machine(), self._found)

    @property
    def has_gpu(self) -> bool:
        """Whether layers can be given to a GPU; False until this machine has been looked at."""
        return bool(self._gpu_memory)

    def fit(self, header: GgufHeader) -> Fit:
        """Whether a file that is here will run with the settings that it has now."""
        return fit_of_file(header, self.load_settings(header.path), self._machine())

    def fit_of_pair(self, left: GgufHeader, right: GgufHeader) -> Fit:
        """Whether two files that are here will run at once, beside the model that is loaded."""
        return fit_of_pair(left, right, self.load_settings, self._machine(beside_loaded=True))

    def _machine(self, *, beside_loaded: bool = False) -> Machine:
        return Machine.now(self._gpu_memory or (), beside_loaded=beside_loaded)

    def load_settings(self, path: Path | None) -> LoadSettings:
        """How the model in a file will be loaded; None: one that is not here yet."""
        own = self.model_settings.of(path) if path is not None else ModelSettings()
        return own.load_settings(self._settings)

    def look_around(self) -> None:
        """Look for models of other programs, and the first time measure this machine, beside the event loop."""
        if not self._is_looking:
            self._is_looking = True
            threading.Thread(target=self._look, name="library", daemon=True).start()

    def _look(self) -> None:
        with suppress(RuntimeError):  # the application has ended meanwhile
            own = _own_files()
            if self._gpu_memory != ():  # where there is none, there is no need for a process to ask again
                with suppress(KnownError):
                    self._gpu_memory = tuple(call("belle.engine.llama.devices:gpu_memory"))
            self._looked.emit(tuple(model for model in found_models() if duplicate_of(model.path, own) is None))
            observed = load_observed()
            if observed.machine is None:
                with suppress(KnownError):
                    observed.machine = machine_speed(call("belle.engine.llama.speed:measure"))
                    observed.save()
                self._measured.emit()
        self._is_looking = False

    def _take_found(self, found: tuple[FoundModel, ...]) -> None:
        self._found = found
        self.changed.emit()

    # Jobs

    def job(self, ref: str) -> JobState | None:
        """The job of a model: the one that runs, or how the last one ended."""
        return self._states.get(ref)

    def get(self, name: str) -> None:
        """Get a model of the catalogue, or go on with it."""
        job: dict[str, Any] = {"do": "get", "name": name, "endpoint": self._settings.value(ENDPOINT) or None}
        entry = load_catalog().find(name)
        if entry is not None and entry.kind == "delta":
            job["llama_weights"] = self._settings.value(LLAMA_WEIGHTS) or None
        self._start(name, job)

    def copy_in(self, path: Path) -> None:
        """Copy a GGUF file into the folder of this program's models."""
        self._start(str(path), {"do": "import", "path": str(path)})

    def convert(self, path: Path, adapter: Path | None = None) -> None:
        """Convert a checkpoint, with a LoRA adapter merged into it."""
        job = {"do": "convert", "path": str(path)} | ({"adapter": str(adapter)} if adapter else {})
        self._start(str(path), job)

    def stop(self, ref: str) -> None:
        """Stop a job; what is done is kept."""
        if ref in self._jobs:
            self._jobs[ref].stop()

    def discard(self, name: str) -> None:
        """Delete what has arrived of a model, once its job has ended."""
        if name in self._jobs:
            self._discarded.add(name)
            self._jobs[name].stop()
            return
        self._states.pop(name, None)
        with suppress(KnownError):  # nothing has arrived
            installed_library.remove(installed_library.plan_removal(name))
        self.changed.emit()

    def close(self) -> None:
        """End all jobs; they go on from there when they are started again."""
        for job in self._jobs.values():
            job.close()
        self._jobs.clear()

    def _start(self, ref: str, job: Mapping[str, Any]) -> None:
        if ref in self._jobs:
            return
        running = self._jobs[ref] = LibraryJob(ref, job, self)
        running.changed.connect(self._on_job)
        running.ended.connect(self._on_end)
        self._on_job(running.state)

    def _on_job(self, state: JobState) -> None:
        self._states[state.ref] = state
        self.job_changed.emit(state)

    def _on_end(self, state: JobState) -> None:
        self._jobs.pop(state.ref).deleteLater()
        self._states[state.ref] = state
        if state.outcome in ("done", "stopped"):
            self._states.pop(state.ref)
        self.job_changed.emit(state)
        if state.ref in self._discarded and state.outcome != "done":
            self.discard(state.ref)
        self._discarded.discard(state.ref)
        self.changed.emit()

    # Files

    def add(self, path: Path, title: str = "") -> Path | None:
        """Put a model file on the list, where it is.

        Returns the model that has the same content already, and then adds nothing. Raises KnownError.
        """
        header = installed_library.read_model_file(path)
        same = duplicate_of(path, _own_files())
        if same is not None:
            return same
        if isinstance(header, WhisperHeader):
            installed_library.take_over(path)
        else:
            remember_file(path, title=title or header.name)
        self.changed.emit()
        return None

    def removal(self, entry: LibraryEntry) -> Removal:
        """What deleting the model would do. Raises KnownError."""
        return installed_library.plan_removal(entry.name)

    def remove(self, removal: Removal) -> None:
        """Delete the model, and its settings. Raises KnownError."""
        models = [path for path in (*removal.files, removal.kept) if path is not None and path.suffix == ".gguf"]
        staying = self.model_settings.identities(path for path in _own_files() if path not in models)
        identities = self.model_settings.identities(models) - staying
        try:
            installed_library.remove(removal)
            self.model_settings.drop(identities)
        finally:
            self._states.pop(removal.name, None)
            self.changed.emit()


def kind_of(path: Path) -> str:
    """What a person has chosen or dropped: `model` (a file that is ready), `adapter`, `checkpoint`."""
    if path.is_file() and (path.suffix.casefold() == ".gguf" or _is_whisper(path)):
        return "model"
    return "adapter" if is_adapter(path) else "checkpoint"


def _is_whisper(path: Path) -> bool:
    try:
        return is_whisper_file(path)
    except OSError:
        return False


def _own_files() -> list[Path]:
    bundled = [path for entry in load_catalog() if (path := entry.bundled_file()) is not None]
    return [model.path for model in installed_if_readable()] + bundled
