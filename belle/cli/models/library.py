"""`belle models list`, `import`, `path` and `remove`."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from belle.cli.messages import say
from belle.cli.models.get import StepDisplay
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.texts import json_text
from belle.units import size

if TYPE_CHECKING:
    from convert.install.library import LibraryRow


def show(arguments: argparse.Namespace) -> int:
    """Print the table, or the JSON array."""
    from convert.install.library import rows

    listed = rows()
    if arguments.json:
        print(json_text([asdict(row) for row in listed]))
        return 0
    table = [tuple(say(f"models_head_{head}") for head in ("name", "status", "size", "memory", "license", "languages"))]
    table += [_cells(row) for row in listed]
    widths = [max(_width(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)).rstrip())
    return 0


def _cells(row: LibraryRow) -> tuple[str, ...]:
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


def import_file(arguments: argparse.Namespace) -> int:
    """Register a model file. Returns the exit status; raises KnownError."""
    from belle.gguf.reader import GgufHeader
    from convert.install.library import take_over

    terminal = Terminal()
    model, header = take_over(
        arguments.path,
        name=arguments.name,
        template=arguments.template,
        copy=arguments.copy,
        listener=StepDisplay(terminal).step,
    )
    terminal.clear()
    if isinstance(header, GgufHeader) and model.template is None and not header.chat_template:
        terminal.note(say("models_no_template"))
    print(say("models_imported", name=model.name, path=model.path))
    print(say("models_try_speech" if model.is_speech else "models_try", name=model.name))
    return 0


def path(arguments: argparse.Namespace) -> int:
    """Print the path of a model's file. Returns the exit status; raises KnownError."""
    from belle.models.catalog import find_model

    file = find_model(arguments.name).path
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        print(file)
    else:
        # For programs: the bytes of the name unchanged, also where they are not UTF-8.
        sys.stdout.flush()
        buffer.write(os.fsencode(file) + b"\n")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Delete a model after asking. Returns the exit status; raises KnownError."""
    from convert.install import library

    terminal = Terminal()
    removal = library.plan_removal(arguments.name)
    for path in removal.files:
        terminal.note(say("models_deletes", path=path))
    if removal.kept is not None:
        terminal.note(say("models_keeps", path=removal.kept))
    if not arguments.yes:
        if not terminal.interactive:
            raise KnownError("usage", "Nothing was removed: there is no terminal to ask.", "Add --yes.")
        if not terminal.agrees(say("models_remove", name=removal.name)):
            return 1
    library.remove(removal)
    print(say("models_removed", name=removal.name, size=size(removal.n_bytes)))
    return 0
