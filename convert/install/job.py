"""Installs one model of the catalogue, step by step.

The state of each step is on the disk, so that a run continues where the last one was interrupted, for whatever reason:
`source.json` lists the files to download; a file with its real name is complete and verified; the converter has its own
journal; the file is moved out of the hidden folder when it is verified; and the model is installed when it is in the
registry.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.clients.download import fetch, part_path
from belle.clients.hub import Hub, RemoteFile
from belle.clients.progress import Listener, Reporter, Step
from belle.clients.retry import Retries
from belle.durable import commit_file, writing
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.models.catalog import ModelEntry
from belle.models.registry import SPEECH, installed, register
from convert.checkpoint.encrypted import KeyFile, decrypt_file, plain_name
from convert.checkpoint.weights_file import WeightsFile
from convert.install.conversion import CatalogConversion, Codes, conversion_of, reporting
from convert.install.folder import ModelFolder, check_model_space
from convert.install.remote_files import RemoteFiles, choose, is_encrypted, load_source

if TYPE_CHECKING:
    from convert.report import ConversionReport


@dataclass(frozen=True)
class InstallOptions:
    """The user's choices.

    Attributes:
        endpoint: a hub or mirror; None for `HF_ENDPOINT`, else huggingface.co.
        llama_weights: Meta's LLaMA-1 7B `consolidated.00.pth`, for models that are published as deltas.
        codes: what is done with GPTQ codes, see `conversion_of`.
        type_name: a file type to quantize to instead.
        threads: that compute; 0 for one per processor.
        keep_download: keep the checkpoint on the disk.
    """

    endpoint: str | None = None
    llama_weights: Path | None = None
    codes: Codes = "exact"
    type_name: str | None = None
    threads: int = 0
    keep_download: bool = False


@dataclass(frozen=True)
class Installed:
    """An installed model.

    Attributes:
        path: of the GGUF, or of a speech model's file.
        n_bytes: its size.
        already: whether it was installed before.
        exactness: number of tensors by exactness; empty if it was installed before.
        notes: sentences for the user.
    """

    path: Path
    n_bytes: int
    already: bool = False
    exactness: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def install(
    entry: ModelEntry,
    options: InstallOptions | None = None,
    *,
    listener: Listener | None = None,
    stop: threading.Event | None = None,
) -> Installed:
    """Install `entry`, or continue an interrupted installation.

    Args:
        entry: a model of the catalogue.
        options: the choices.
        listener: called from this thread about five times a second.
        stop: when set, the installation ends with InstallStoppedError within a second or two.

    Raises KnownError: "unsupported_model", "comes_with_program", "llama_weights_needed", "busy", "disk_full",
    "folder_not_writable", "wrong_bytes", "wrong_key", those of the hub (see `belle.clients.errors`), of the
    converter and of the registry.
    """
    options = options or InstallOptions()
    check_installable(entry, options)
    model_folder = ModelFolder(entry.name)
    with model_folder.locked():
        existing = find_installed(entry, options)
        if existing is not None:
            if not options.keep_download:
                model_folder.clean()
            return existing
        return _Installation(entry, options, listener=listener, stop=stop or threading.Event()).run()


def find_installed(entry: ModelEntry, options: InstallOptions) -> Installed | None:
    """The model, if it is installed already with this conversion; else None. Raises KnownError."""
    path = ModelFolder(entry.name).folder / _file_name(entry, _conversion(entry, options))
    if path.is_file() and any(model.name == entry.name and model.path == path for model in installed()):
        return Installed(path, path.stat().st_size, already=True)
    return None


def check_installable(entry: ModelEntry, options: InstallOptions) -> None:
    """Raise KnownError for everything that prevents the installation and is known before the download."""
    if entry.kind == "unsupported":
        raise KnownError(
            "unsupported_model", f"{entry.title} cannot be used.", entry.description["en"], name=entry.name
        )
    if entry.kind == "bundled":
        raise KnownError(
            "comes_with_program", f"{entry.title} comes with the program.", "There is nothing to get.", name=entry.name
        )
    if entry.kind == "gguf" and (options.type_name or options.codes != "exact"):
        raise KnownError(
            "usage",
            f"{entry.title} is published as a GGUF: there is nothing to convert.",
            "Leave out --type and --gptq; for other types see: belle quantize --help",
            name=entry.name,
        )
    _conversion(entry, options)  # raises for a type that does not exist
    if entry.kind != "delta":
        return
    if options.llama_weights is None:
        raise KnownError(
            "llama_weights_needed",
            f"{entry.title} is published as a delta: it can be read only with Meta's original LLaMA-1 7B weights.",
            "Give your own copy with --llama-weights PATH/consolidated.00.pth (the 7B file, also for 13B models).",
            name=entry.name,
        )
    key = WeightsFile(options.llama_weights)
    try:
        KeyFile(key)
    finally:
        key.close()


def _conversion(entry: ModelEntry, options: InstallOptions) -> CatalogConversion | None:
    """How it is converted; None for what is published as a GGUF."""
    if entry.kind == "gguf":
        return None
    return conversion_of(entry, codes=options.codes, type_name=options.type_name, threads=options.threads)


def _file_name(entry: ModelEntry, conversion: CatalogConversion | None) -> str:
    return f"{entry.name}-{conversion.suffix}{conversion.extension}" if conversion else entry.files[0].name


_OF_ANOTHER_LISTING = (
    "revision_gone",
    "file_not_in_repository",
    "repository_not_found",
    "wrong_size",
    "wrong_bytes",
)
"""Kinds of errors after which the hub is asked again what there is, where an earlier run asked it last."""


class _Installation:
    """One run of the installation, while the folder is locked."""

    def __init__(
        self,
        entry: ModelEntry,
        options: InstallOptions,
        *,
        listener: Listener | None,
        stop: threading.Event,
    ) -> None:
        self._entry, self._options, self._conversion = entry, options, _conversion(entry, options)
        self._model_folder = ModelFolder(entry.name)
        self._listener, self._stop = listener, stop

    def run(self) -> Installed:
        target = self._model_folder.folder / _file_name(self._entry, self._conversion)
        report = None
        if target.is_file():  # converted and verified, but not registered, or another file was registered since
            source = load_source(self._model_folder.source_file) or RemoteFiles(())
        else:
            source = self._download()
            if self._conversion:
                report = self._convert(target, self._conversion)
            else:
                self._take(target)
        self._register(target, source)
        if not self._options.keep_download:
            self._model_folder.clean()
        exactness = report.files[0].exactness() if report else {}
        notes = (*source.notes, *(report.notes if report else ()))
        return Installed(target, target.stat().st_size, exactness=exactness, notes=notes)

    # Downloading

    def _download(self) -> RemoteFiles:
        """Download every file, decrypted if need be, into the checkpoint's folder."""
        reporter = Reporter("download", self._listener, self._stop)
        hub = Hub(self._options.endpoint)
        retries = Retries(reporter)
        started = load_source(self._model_folder.source_file)
        if started is None:
            source = self._start_over(choose(hub, self._entry, retries))
            self._fetch_all(hub, source, reporter, retries)
            return source
        try:
            self._fetch_all(hub, started, reporter, retries)
        except KnownError as error:
            if error.kind not in _OF_ANOTHER_LISTING:
                raise
            listed = choose(hub, self._entry, retries)
            if listed.files == started.files:
                raise
            # What the interrupted download began with is no longer published, or was never true.
            source = self._start_over(listed)
            self._fetch_all(hub, source, Reporter("download", self._listener, self._stop), retries)
            return source
        return started

    def _start_over(self, source: RemoteFiles) -> RemoteFiles:
        self._model_folder.start_over()
        source.save(self._model_folder.source_file)
        return source

    def _fetch_all(self, hub: Hub, source: RemoteFiles, reporter: Reporter, retries: Retries) -> None:
        self._model_folder.checkpoint.mkdir(exist_ok=True)
        self._model_folder.encrypted.mkdir(exist_ok=True)
        self._check_space(source)
        reporter.total = source.total_bytes
        for file in source.files:
            plain, download = self._plain_path(file), self._download_path(file)
            if plain.exists():
                reporter.begin(file.name)
                reporter.add(file.size or 0, counts=False)
                continue
            fetch(hub, file, download, reporter, retries)
            if download != plain:
                self._decrypt(download)

    def _plain_path(self, file: RemoteFile) -> Path:
        name = Path(file.name)
        return self._model_folder.checkpoint / (plain_name(name) if is_encrypted(file) else name.name)

    def _download_path(self, file: RemoteFile) -> Path:
        folder = self._model_folder.encrypted if is_encrypted(file) else self._model_folder.checkpoint
        return folder / Path(file.name).name

    def _decrypt(self, encrypted: Path) -> None:
        key = self._options.llama_weights
        assert key is not None  # `check_installable` has checked it
        reporter = Reporter("decrypt", self._listener, self._stop, encrypted.stat().st_size)
        reporter.begin(encrypted.name)
        decrypt_file(encrypted, key, self._model_folder.checkpoint, lambda done, _total: reporter.reach(done))
        if not self._options.keep_download:
            encrypted.unlink()

    def _check_space(self, source: RemoteFiles) -> None:
        """Check the space for everything that is still to be written. Raises KnownError("disk_full")."""
        needs = {"the download": sum(max(0, (file.size or 0) - self._bytes_present(file)) for file in source.files)}
        if self._entry.kind == "delta":
            needs["decrypting"] = source.total_bytes if self._options.keep_download else source.largest_bytes
        if self._conversion:
            needs["the model"] = self._conversion.result_bytes(source.total_bytes)
        check_model_space(self._model_folder.folder, needs)

    def _bytes_present(self, file: RemoteFile) -> int:
        for path in (self._plain_path(file), self._download_path(file), part_path(self._download_path(file))):
            if path.exists():
                return path.stat().st_size
        return 0

    # Converting, or taking what needs no conversion

    def _take(self, target: Path) -> None:
        """Move a file that is published as a GGUF, if it is one. Raises KnownError as `read_header`."""
        downloaded = self._model_folder.checkpoint / target.name
        read_header(downloaded)
        with writing(target):
            commit_file(downloaded, target)

    def _convert(self, target: Path, conversion: CatalogConversion) -> ConversionReport:
        from convert.pipeline import convert, plan_conversion

        verified = self._model_folder.work / target.name
        if verified.is_file():  # an earlier run ended between verifying and moving it
            report = plan_conversion(self._model_folder.checkpoint, verified, conversion.options)
        else:
            if self._listener:
                self._listener(Step("convert", target.name, 0, 0))
            progress = reporting(target.name, self._listener, self._stop)
            report = convert(self._model_folder.checkpoint, verified, conversion.options, progress=progress)
        with writing(target):
            commit_file(verified, target)
        return report

    # Registering

    def _register(self, target: Path, source: RemoteFiles) -> None:
        details: dict[str, Any] = {"repository": self._entry.repo}
        if self._entry.kind == "speech":
            details["kind"] = SPEECH
        if self._conversion:
            details["conversion"] = self._conversion.suffix
        if source.files:
            details["commit"] = next(file.commit for file in source.files if file.repo == self._entry.repo)
            details["files"] = {file.name: file.sha256 or f"git:{file.git_sha1}" for file in source.files}
        register(self._entry.name, target, self._entry.template, title=self._entry.title, details=details)
