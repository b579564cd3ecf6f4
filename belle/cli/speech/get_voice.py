"""`belle speak --get`: downloads Kokoro-82M and its voices for Chinese and English into the models folder."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from belle import paths
from belle.cli.models.get import StepDisplay
from belle.cli.terminal import Terminal
from belle.clients.download import fetch
from belle.clients.errors import not_in_repository
from belle.clients.hub import Hub, RemoteFile
from belle.clients.progress import Reporter
from belle.clients.retry import Retries
from belle.durable import writing
from belle.errors import KnownError
from belle.units import size

REPOSITORY = "onnx-community/Kokoro-82M-v1.0-ONNX"
FOLDER = "kokoro-82m-v1.0"
"""In the models folder."""

_TITLE = "Kokoro-82M v1.0"
_LICENSE = "Apache-2.0"
# Of each line the first pattern that any file fits; the smaller models are the faster ones.
_WANTED = (
    ("onnx/model_quantized.onnx", "onnx/model.onnx"),
    ("tokenizer.json",),
    ("voices/z[fm]_*.bin",),
    ("voices/a[fm]_*.bin",),
)


def get_voice(*, endpoint: str | None = None, yes: bool = False) -> Path:
    """Download what is not here yet. Returns the folder; raises KnownError, without consent, too."""
    terminal = Terminal()
    folder = paths.models_dir() / FOLDER
    reporter = Reporter("download", StepDisplay(terminal).step, threading.Event())
    hub, retries = Hub(endpoint), Retries(reporter)
    _accept(terminal, hub, folder, yes=yes)
    listing = retries.keep_trying(lambda: hub.files(REPOSITORY))
    files = [retries.keep_trying(lambda file=file: hub.complete(file)) for file in _chosen(listing)]  # type: ignore[misc]
    reporter.total = sum(file.size or 0 for file in files)
    for file in files:
        target = folder / file.name
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        fetch(hub, file, target, reporter, retries)
    terminal.clear()
    terminal.note(f"{folder}: {len(files)} files, {size(reporter.total)}. Try it with: belle speak 你好", style="0")
    return folder


def _accept(terminal: Terminal, hub: Hub, folder: Path, *, yes: bool) -> None:
    """Say what will be downloaded, and ask for consent. Raises KnownError without it."""
    terminal.note(f"{_TITLE}: a small model that speaks, with its voices for Chinese and English.", style="0")
    terminal.note(f"Licence: {_LICENSE}. From {hub.endpoint}/{REPOSITORY} to {folder}", style="0")
    if yes or (terminal.interactive and terminal.agrees("Download it? [y/N] ")):
        return
    advice = "" if terminal.interactive else "Add --yes."
    raise KnownError("not_accepted", "Nothing was downloaded.", advice)


def _chosen(listing: Mapping[str, RemoteFile]) -> Sequence[RemoteFile]:
    """The files of `_WANTED`, the small ones first. Raises KnownError("file_not_in_repository")."""
    chosen: list[RemoteFile] = []
    for patterns in _WANTED:
        matches = next(
            (found for pattern in patterns if (found := [f for n, f in listing.items() if fnmatchcase(n, pattern)])), []
        )
        if not matches:
            raise not_in_repository(REPOSITORY, " or ".join(patterns), sorted(listing))
        chosen += matches
    return sorted(chosen, key=lambda file: (file.size or 0, file.name))
