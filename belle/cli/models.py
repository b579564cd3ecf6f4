"""`belle models`: what is here and what could be; from a name to a model that runs in one command."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from belle.cli.arguments import input_file, path_or_name
from belle.cli.messages import is_chinese, say
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.texts import json_text
from belle.units import duration, size

if TYPE_CHECKING:
    from belle.clients.progress import Step
    from belle.models.catalog import ModelEntry
    from convert.install.job import Installed, InstallOptions
    from convert.install.library import Row

_EPILOG = """\
examples:
  belle models list
  belle models get belle-7b-2m
  belle models get belle-7b-2m --endpoint https://hub.example.org      (a mirror)
  belle models get belle-llama-7b-2m --llama-weights ~/LLaMA/7B/consolidated.00.pth
  belle models import ~/Downloads/model.gguf --name mine

“get” can be interrupted at any moment; the same command goes on where it stopped.
"""
_BAR_WIDTH = 24


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="models_command", required=True)

    listing = commands.add_parser("list", help="the models that are here and those that could be")
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.set_defaults(models_run=_list)

    get = commands.add_parser("get", help="download a model of the catalogue, convert it, and make it ready to chat")
    get.add_argument("name", type=path_or_name, metavar="NAME", help="as in “belle models list”")
    get.add_argument(
        "-y",
        "--yes",
        "--accept-license",
        action="store_true",
        dest="yes",
        help="accept the licence shown, and do not ask; needed without a terminal",
    )
    get.add_argument("--endpoint", metavar="URL", help="a hub or mirror (default: HF_ENDPOINT, else huggingface.co)")
    get.add_argument(
        "--llama-weights",
        type=input_file,
        metavar="PATH",
        help="Meta's LLaMA-1 7B consolidated.00.pth, for models that are published as deltas",
    )
    get.add_argument(
        "--gptq",
        choices=("exact", "fast"),
        default="exact",
        help="GPTQ codes are moved as they are (exact, the default), or into the type that computes fastest",
    )
    get.add_argument("-t", "--type", metavar="T", help="quantize to this file type instead (see belle convert --help)")
    get.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: one per processor)")
    get.add_argument("--keep-download", action="store_true", help="leave the downloaded checkpoint on the disk")
    get.set_defaults(models_run=_get)

    take = commands.add_parser("import", help="take over a GGUF file that is here already")
    take.add_argument("path", type=input_file, metavar="PATH", help="the file; the first part of a split one")
    take.add_argument("--name", help="a new name, or the name of the catalogue's model that it is")
    take.add_argument("--template", metavar="ID", help="prompt template in place of the file's own")
    take.add_argument("--copy", action="store_true", help="copy it into the models folder")
    take.set_defaults(models_run=_import)

    path = commands.add_parser("path", help="print where a model's GGUF file is")
    path.add_argument("name", type=path_or_name, metavar="NAME")
    path.set_defaults(models_run=_path)

    remove = commands.add_parser("remove", help="delete a model; a file of your own is only taken off the list")
    remove.add_argument("name", type=path_or_name, metavar="NAME")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    remove.set_defaults(models_run=_remove)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command. Returns the exit status; raises KnownError."""
    status: int = arguments.models_run(arguments)
    return status


def _list(arguments: argparse.Namespace) -> int:
    from convert.install.library import rows

    found = rows()
    if arguments.json:
        print(json_text([asdict(row) for row in found]))
        return 0
    table = [tuple(say(f"models_head_{head}") for head in ("name", "status", "size", "memory", "license", "languages"))]
    table += [_cells(row) for row in found]
    widths = [max(_width(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)).rstrip())
    return 0


def _cells(row: Row) -> tuple[str, ...]:
    about = "" if row.status == "installed" else "≈ "
    return (
        row.name,
        say(f"models_status_{row.status}"),
        f"{about}{size(row.size)}" if row.size else "–",
        f"{size(row.memory)}" if row.memory else "–",
        row.license + (f" {say('models_research')}" if row.research_only else ""),
        ", ".join(row.languages),
    )


def _width(text: str) -> int:
    """Columns of a terminal: Chinese characters take two."""
    return sum(2 if "\u2e80" <= letter <= "\uffef" else 1 for letter in text)


def _get(arguments: argparse.Namespace) -> int:
    from belle.models.catalog import load_catalog, resolve
    from convert.install.job import InstallOptions, check_installable, find_installed, install

    entry = load_catalog().find(arguments.name)
    if entry is None:
        resolve(arguments.name)  # says in words what is wrong with the name
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
    shown = _Shown(terminal)
    try:
        result = install(entry, options, listener=shown.step)
    except KeyboardInterrupt:
        terminal.note(say("models_interrupted"))
        raise
    terminal.clear()
    _tell(entry, result, terminal)
    return 0


def _accept_license(entry: ModelEntry, options: InstallOptions, terminal: Terminal, *, yes: bool) -> None:
    """Show what it is, whose it is and what it takes; go on only with consent. Raises KnownError."""
    from belle.clients.hub import Hub
    from convert.install.folder import Place

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
    place = Place(entry.name)
    begun = place.source_file.exists()  # whoever began has agreed
    if yes or begun or (terminal.interactive and terminal.agrees(say("models_agree", folder=place.folder))):
        return
    if terminal.interactive:
        raise KnownError("not_accepted", "Nothing was downloaded.", "")
    raise KnownError(
        "license_not_accepted",
        "The licence has to be accepted before the download.",
        "Read it above, and add --accept-license (or --yes).",
        name=entry.name,
    )


class _Shown:
    """The line of progress, and a lasting line for every stage."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._stage = ""
        self._why = ""

    def step(self, step: Step) -> None:
        """Show one reading."""
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
    """One line: a bar, how much is done, how fast, how long still."""
    fraction = min(1.0, step.done / step.total) if step.total else 0.0
    bar = "━" * round(_BAR_WIDTH * fraction)
    parts = [
        f"{bar:─<{_BAR_WIDTH}} {fraction:4.0%}",
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
    print(say("models_try", name=entry.name))


def _import(arguments: argparse.Namespace) -> int:
    from convert.install.library import take_over

    terminal = Terminal()
    model, header = take_over(
        arguments.path,
        name=arguments.name,
        template=arguments.template,
        copy=arguments.copy,
        listener=_Shown(terminal).step,
    )
    terminal.clear()
    if model.template is None and not header.chat_template:
        terminal.note(say("models_no_template"))
    print(say("models_imported", name=model.name, path=model.path))
    print(say("models_try", name=model.name))
    return 0


def _path(arguments: argparse.Namespace) -> int:
    from belle.models.catalog import resolve

    path = resolve(arguments.name).path
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        print(path)
    else:
        # For programs: the very bytes of the name, also of one that is not UTF-8.
        sys.stdout.flush()
        buffer.write(os.fsencode(path) + b"\n")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from convert.install.library import plan_removal, remove

    terminal = Terminal()
    removal = plan_removal(arguments.name)
    for path in removal.files:
        terminal.note(say("models_deletes", path=path))
    if removal.kept is not None:
        terminal.note(say("models_keeps", path=removal.kept))
    if not arguments.yes:
        if not terminal.interactive:
            raise KnownError("usage", "Nothing was removed: there is no terminal to ask.", "Add --yes.")
        if not terminal.agrees(say("models_remove", name=removal.name)):
            return 1
    remove(removal)
    print(say("models_removed", name=removal.name, size=size(removal.n_bytes)))
    return 0
