"""`belle eval`: answers of models to a set of items."""

from __future__ import annotations

import argparse

from belle.cli.arguments import input_file, output_file, output_folder, path_or_name, real, whole
from belle.cli.nested_commands import Subcommand, add_subcommands, run_subcommand

_EPILOG = """\
examples:
  belle eval run model-f16.gguf model-q4.gguf --set eval_set.json -o results
  belle eval run --url http://127.0.0.1:8000/v1 --model BELLE-13B --set items.jsonl -o results
  belle eval run --endpoints cluster.toml --set items.jsonl -o results --shard 0/4
  belle eval run --model BELLE-13B --set items.jsonl -o results --batch-out requests.jsonl
  belle eval run --model BELLE-13B --set items.jsonl -o results --batch-in answers.jsonl

The answers of each model are in DIR/answers. A run can be interrupted at any moment; the same command goes on with
what is missing.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands and their options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add_subcommands(parser, _COMMANDS)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command. Returns the exit status; raises KnownError."""
    return run_subcommand(arguments)


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="*", type=path_or_name, metavar="MODEL", help="names of “belle models list”, or GGUF files"
    )
    parser.add_argument(
        "--set", required=True, metavar="SET", help="a file of items, BELLE's eval_set.json, or a folder"
    )
    parser.add_argument(
        "-o", "--output", required=True, type=output_folder, metavar="DIR", help="where answers are kept"
    )
    servers = parser.add_argument_group("models on servers")
    servers.add_argument("--endpoints", type=input_file, metavar="FILE", help="TOML file of endpoints")
    servers.add_argument("--url", help="one endpoint, such as http://127.0.0.1:8080/v1")
    servers.add_argument("--model", metavar="NAME", help="the name of the model at --url, or in a batch")
    servers.add_argument("--key", default="", metavar="$VARIABLE", help="environment variable with the key of --url")
    servers.add_argument("--batch-out", type=output_file, metavar="FILE", help="write what is to be asked, for a batch")
    servers.add_argument("--batch-in", type=input_file, metavar="FILE", help="take the answers of that batch")
    servers.add_argument("--max-total-tokens", type=whole(1), metavar="N", help="ask no more when N tokens are spent")
    servers.add_argument("--max-cost", type=real(0, 1e9), metavar="N", help="ask no more when N of the prices is spent")
    asking = parser.add_argument_group("how items are asked")
    asking.add_argument("--system", default="", metavar="TEXT", help="system prompt (default: none)")
    asking.add_argument("--temperature", type=real(0, 5), default=0.0, metavar="T", help="0 (default): the likeliest")
    asking.add_argument("--max-tokens", type=whole(1), default=1024, metavar="N", help="of each answer (default: 1024)")
    asking.add_argument("--seed", type=whole(0), default=1, metavar="N", help="default: 1")
    asking.add_argument("--n", type=whole(1), metavar="N", help="the first N items alone")
    asking.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th item, from the I-th on (from 0)")
    asking.add_argument("--template", help="prompt template of the GGUF models, instead of their own")
    asking.add_argument(
        "--ctx", type=whole(0), default=0, metavar="N", help="context of the GGUF models (default: 4096)"
    )
    asking.add_argument("--threads", type=whole(1), metavar="N", help="of the GGUF models")


_COMMANDS = {
    "run": Subcommand("ask models the items of a set, and keep their answers", _run, "belle.cli.eval.run:run"),
}
