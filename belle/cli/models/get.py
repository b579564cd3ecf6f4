"""`belle models get`: shows the licence, the progress and the result of an installation."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from belle.cli.messages import is_chinese, say
from belle.cli.terminal import Terminal, bar
from belle.errors import KnownError
from belle.units import duration, size

if TYPE_CHECKING:
    from belle.clients.progress import Step
    from belle.models.catalog import ModelEntry
    from convert.install.job import Installed, InstallOptions


def get(arguments: argparse.Namespace) -> int:
    """Download and convert a model. Returns the exit status; raises KnownError."""
    from belle.models.catalog import find_model, load_catalog
    from convert.install.job import InstallOptions, check_installable, find_installed, install

    entry = load_catalog().find(arguments.name)
    if entry is None:
        find_model(arguments.name)  # raises the error for a wrong name
        raise KnownError(
            "unknown_model",
            f"“{arguments.name}” is a file of your own; there is nothing to get.",
            "",
            name=arguments.name,
        )
    if arguments.threads < 0:
        raise KnownError("usage", "--threads cannot be negative.", "Leave it out for one per processor.")
    options = InstallOptions(
        endpoint=arguments.endpoint,
        llama_weights=arguments.llama_weights and arguments.llama_weights.expanduser(),
        codes=arguments.gptq,
        type_name=arguments.type,
        threads=arguments.threads,
        keep_download=arguments.keep_download,
    )
    terminal = Terminal()
    check_installable(entry, options)
    if find_installed(entry, options) is None:
        _accept_license(entry, options, terminal, yes=arguments.yes)
    display = StepDisplay(terminal)
    try:
        result = install(entry, options, listener=display.step)
    except KeyboardInterrupt:
        terminal.note(say("models_interrupted"))
        raise
    terminal.clear()
    _tell(entry, result, terminal)
    return 0


def _accept_license(entry: ModelEntry, options: InstallOptions, terminal: Terminal, *, yes: bool) -> None:
    """Show description, licence and sizes, and ask for consent. Raises KnownError without it."""
    from belle.clients.hub import Hub
    from convert.install.folder import ModelFolder

    language = "zh" if is_chinese() else "en"
    terminal.note(f"{entry.title}: {entry.description[language]}", style="0")
    terminal.note(say("models_license", license=entry.license, note=entry.license_note[language]), style="0")
    terminal.note(
        say(
            "models_takes",
            url=f"{Hub(options.endpoint).endpoint}/{entry.repo}",
            download=size(entry.download_bytes),
            disk=size(entry.disk_bytes),
            result=size(entry.installed_bytes or 0),
        )
    )
    model_folder = ModelFolder(entry.name)
    begun = model_folder.source_file.exists()  # begun before, after consent
    if yes or begun or (terminal.interactive and terminal.agrees(say("models_agree", folder=model_folder.folder))):
        return
    if terminal.interactive:
        raise KnownError("not_accepted", "Nothing was downloaded.", "")
    raise KnownError(
        "license_not_accepted",
        "The licence has to be accepted before the download.",
        "Read it above, and add --accept-license (or --yes).",
        name=entry.name,
    )


class StepDisplay:
    """Shows the line of progress, and a permanent line for every stage."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._stage = ""
        self._why = ""

    def step(self, step: Step) -> None:
        """Show a step."""
        if step.stage != self._stage:
            self._stage = step.stage
            self._terminal.note(say(f"models_stage_{step.stage}"))
        if step.waiting:
            if step.why != self._why:
                self._terminal.note(step.why)
            self._terminal.progress(say("models_waiting", seconds=max(1, round(step.waiting))))
        else:
            self._terminal.progress(step_line(step))
        self._why = step.why


def step_line(step: Step) -> str:
    """One line: a bar, what is done, the speed, the time left."""
    fraction = min(1.0, step.done / step.total) if step.total else 0.0
    parts = [
        bar(fraction),
        say("models_of", done=size(step.done), total=size(step.total)),
        f"{size(step.bytes_per_second)}/s" if step.bytes_per_second else "",
        say("models_left", time=duration(step.seconds_left)) if step.seconds_left is not None else "",
        step.what,
    ]
    return "  ".join(part for part in parts if part)


def _tell(entry: ModelEntry, result: Installed, terminal: Terminal) -> None:
    for note in result.notes:
        terminal.note(note)
    if result.exactness:
        counts = ", ".join(f"{count} {words}" for words, count in result.exactness.items())
        terminal.note(say("models_exactness", counts=counts))
    words = "models_already" if result.already else "models_installed"
    print(say(words, title=entry.title, path=result.path, size=size(result.n_bytes)))
    print(say("models_try_speech" if entry.kind == "speech" else "models_try", name=entry.name))
