"""Sub-commands of a command, such as `belle data check`: a table of them, and functions that declare and run them.

`belle measure diff` and `belle train report` are not declared this way: in their position there is usually a file, so
those commands check for these words themselves.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Subcommand:
    """A row of a table of sub-commands.

    Attributes:
        summary: what it does, for the list in the command's help.
        declare: adds its options to a parser.
        run: `module:function`, imported only when it is called; takes the arguments and returns the exit status.
    """

    summary: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: str


def add_subcommands(parser: argparse.ArgumentParser, table: Mapping[str, Subcommand]) -> None:
    """Declare all of them; one has to be given, which `run_subcommand` runs."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, row in table.items():
        command = commands.add_parser(name, help=row.summary, description=f"{row.summary[0].upper()}{row.summary[1:]}.")
        row.declare(command)
        command.set_defaults(subcommand=row.run)


def run_subcommand(arguments: argparse.Namespace) -> int:
    """Run the sub-command that was given. Returns the exit status; raises KnownError."""
    module, _, function = arguments.subcommand.partition(":")
    status: int = getattr(importlib.import_module(module), function)(arguments)
    return status
