"""`belle models`: lists models, installs them by name in one command, imports and removes them."""

from __future__ import annotations

import argparse

from belle.cli.arguments import input_file, path_or_name
from belle.cli.nested_commands import Subcommand, add_subcommands, run_subcommand

_EPILOG = """\
examples:
  belle models list
  belle models get belle-7b-2m
  belle models get belle-7b-2m --endpoint https://hub.example.org      (a mirror)
  belle models get belle-llama-7b-2m --llama-weights ~/LLaMA/7B/consolidated.00.pth
  belle models get belle-whisper-turbo-zh                              (writes down speech: belle transcribe)
  belle models import ~/Downloads/model.gguf --name mine

“get” can be interrupted at any moment; the same command goes on where it stopped.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add_subcommands(parser, _COMMANDS)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command. Returns the exit status; raises KnownError."""
    return run_subcommand(arguments)


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON array")


def _get(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=path_or_name, metavar="NAME", help="as in “belle models list”")
    parser.add_argument(
        "-y",
        "--yes",
        "--accept-license",
        action="store_true",
        dest="yes",
        help="accept the licence shown, and do not ask; needed without a terminal",
    )
    parser.add_argument("--endpoint", metavar="URL", help="a hub or mirror (default: HF_ENDPOINT, else huggingface.co)")
    parser.add_argument(
        "--llama-weights",
        type=input_file,
        metavar="PATH",
        help="Meta's LLaMA-1 7B consolidated.00.pth, for models that are published as deltas",
    )
    parser.add_argument(
        "--gptq",
        choices=("exact", "fast"),
        default="exact",
        help="GPTQ codes are moved as they are (exact, the default), or into the type that computes fastest",
    )
    parser.add_argument(
        "-t", "--type", metavar="T", help="quantize to this file type instead (see belle convert --help)"
    )
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: one per processor)")
    parser.add_argument("--keep-download", action="store_true", help="leave the downloaded checkpoint on the disk")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=input_file, metavar="PATH", help="the file; the first part of a split one")
    parser.add_argument("--name", help="a new name, or the name of the catalogue's model that it is")
    parser.add_argument("--template", metavar="ID", help="prompt template in place of the file's own")
    parser.add_argument("--copy", action="store_true", help="copy it into the models folder")


def _path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=path_or_name, metavar="NAME")


def _remove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", type=path_or_name, metavar="NAME")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


_COMMANDS = {
    "list": Subcommand("the models that are here and those that could be", _list, "belle.cli.models.library:show"),
    "get": Subcommand(
        "download a model of the catalogue, convert it, and make it ready to chat or to write down speech",
        _get,
        "belle.cli.models.get:get",
    ),
    "import": Subcommand(
        "take over a model file that is here already (GGUF, or a Whisper of whisper.cpp)",
        _import,
        "belle.cli.models.library:import_file",
    ),
    "path": Subcommand("print where a model's file is", _path, "belle.cli.models.library:path"),
    "remove": Subcommand(
        "delete a model; a file of your own is only taken off the list", _remove, "belle.cli.models.library:remove"
    ),
}
