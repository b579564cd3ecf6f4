"""`belle data`: checks and prepares training data.

Each sub-command is a row of the table at the end; the code is in the files beside this one.
"""

from __future__ import annotations

import argparse

from belle.cli.arguments import input_file, output_file, path_or_name, share
from belle.cli.nested_commands import Subcommand, add_subcommands, run_subcommand
from belle.errors import KnownError
from belle.path_guard import check_output

_EPILOG = """\
FILE is .json or .jsonl (one record per line, or one array), .txt, each also as .gz; .parquet; a folder of these; or
hub:OWNER/NAME. Formats: BELLE, ShareGPT, OpenAI messages, Alpaca, BELLE's multi-turn, reward and DPO data, text.

examples:
  belle data check train.json --near 0.8 --plot lengths.html
  belle data clean train.json -o clean.jsonl --rejected rejected.jsonl
  belle data dedup clean.jsonl -o unique.jsonl --near 0.8 --against eval_set.json
  belle data split unique.jsonl -o train.jsonl --held-out dev.jsonl --size 1000
  belle data mix domain.jsonl general.jsonl --ratio 1:5 -o mixed.jsonl
  belle data show mixed.jsonl --recipe train/sft.yaml
  belle data generate instructions --writer model.gguf -o new.jsonl --n 1000 --agree 2
  belle data filter new.jsonl -o good.jsonl --where 'agreement >= 0.5'
"""

_CONDITIONS = """\
A condition compares columns with values: ==, !=, <, <=, >, >=; and, or, not, parentheses. A column of an object in a
row is named with a dot. A comparison does not hold where the column is missing; “has COLUMN” asks for it.

examples:
  --where 'judge >= 0.7 and agreement >= 0.5'
  --where 'not has judge or judge > 0.9'
  --where 'labels.scene == "a kitchen" and parsed == true'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add_subcommands(parser, _COMMANDS)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command. Returns the exit status; raises KnownError."""
    _check_outputs(arguments)
    return run_subcommand(arguments)


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Raise KnownError when an output is also an input, or another output."""
    given = vars(arguments)
    inputs = [
        given.get(name) for name in ("file", "categories", "recipe", "model", "seeds", "labels", "writer", "judge")
    ]
    inputs += [path for name in ("files", "against", "passages") for path in given.get(name, ())]
    outputs = [given[name] for name in ("output", "rejected", "held_out", "plot") if given.get(name)]
    for path in outputs:
        check_output(path, inputs)
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise KnownError("usage", f"{outputs[-1]} would be written twice.", "Give every output a name of its own.")


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=path_or_name, metavar="FILE", help="the data")
    parser.add_argument("--format", default="auto", metavar="NAME", help="its format (default: recognised)")
    parser.add_argument("--kind", choices=("conversation", "text", "preference"), help="what its rows must be")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=output_file, required=True, metavar="OUT", help=".jsonl, .json(l).gz, .parquet"
    )
    parser.add_argument("--to", metavar="NAME", help="the format to write (default: as it was)")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


class _Rules(argparse.Action):
    """Prints the rules and exits, as `--help` does with the options."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from belle.data.clean import RULES

        print("".join(f"{name:16}{rule.title}\n" for name, rule in RULES.items()), end="")
        parser.exit()


def _check(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument("--near", type=share, metavar="S", help="also find near duplicates, from this similarity on")
    parser.add_argument(
        "--tokenizer", type=path_or_name, metavar="DIR", help="also count tokens, with a checkpoint's tokenizer"
    )
    parser.add_argument("--plot", type=output_file, metavar="OUT", help="draw the lengths: .html, .svg or .png")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("-n", type=int, metavar="N", help="look at the first N rows only")


def _show(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    parser.add_argument(
        "--recipe", type=input_file, required=True, metavar="R", help="the recipe that is to train on it"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the recipe")
    parser.add_argument("--json", action="store_true", help="one object per sample: input_ids, labels")
    parser.add_argument("-n", type=int, metavar="N", help="samples (default: 3; with --json all)")
    parser.add_argument("--seed", type=int, metavar="N", help="draw the rows at random, not from the beginning")
    parser.add_argument("--colour", choices=("auto", "always", "never"), default="auto", help="colours (default: auto)")


def _convert(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    _add_output(parser)
    parser.add_argument("--categories", type=input_file, metavar="FILE", help="categories by id, as BELLE ships them")
    parser.add_argument("-n", type=int, metavar="N", help="write the first N rows only")


def _dedup(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    _add_output(parser)
    parser.add_argument(
        "--near", type=share, metavar="S", help="also near duplicates, from this similarity on, such as 0.8"
    )
    parser.add_argument("--by", choices=("row", "question"), default="row", help="what is compared (default: row)")
    parser.add_argument(
        "--against", type=path_or_name, nargs="+", default=[], metavar="EVAL", help="also what these files ask"
    )
    parser.add_argument("--overlap", type=share, default=0.8, metavar="S", help="… to this part (default: 0.8)")
    _add_report(parser)


def _clean(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    _add_output(parser)
    parser.add_argument("--only", nargs="+", metavar="RULE", help="these rules (--rules explains them)")
    parser.add_argument("--without", nargs="+", default=[], metavar="RULE", help="all rules but these")
    parser.add_argument("--shortest", type=int, default=1, metavar="N", help="characters of an answer (default: 1)")
    parser.add_argument("--longest", type=int, default=20_000, metavar="N", help="… at most (default: 20000)")
    parser.add_argument("--as-is", action="store_true", help="do not take off white space and invisible characters")
    parser.add_argument("--rejected", type=output_file, metavar="OUT", help="write what was left out here")
    parser.add_argument("--rules", action=_Rules, nargs=0, help="explain the rules and stop")
    _add_report(parser)


def _split(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    _add_output(parser)
    parser.add_argument(
        "--held-out", type=output_file, required=True, metavar="OUT", help="the file of the smaller part"
    )
    parser.add_argument("--size", default="0.01", metavar="N", help="rows, or below 1 a share (default: 0.01)")
    parser.add_argument("--near", type=share, default=0.8, metavar="S", help="what is a duplicate (default: 0.8)")
    parser.add_argument("--seed", type=int, default=1234, metavar="N", help="(default: 1234)")


def _mix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=path_or_name, nargs="+", metavar="FILE", help="the sources, your domain first")
    parser.add_argument("--ratio", required=True, metavar="A:B", help="parts of each, such as 1:5")
    parser.add_argument("--format", default="auto", metavar="NAME", help="the sources' format (default: recognised)")
    parser.add_argument("--kind", choices=("conversation", "text", "preference"), help="what the rows must be")
    _add_output(parser)
    parser.add_argument("--by", choices=("rows", "characters"), default="rows", help="what the ratio counts")
    parser.add_argument("--repeat", action="store_true", help="begin all but the first again where they end")
    parser.add_argument("-n", type=int, metavar="N", help="stop after N rows")
    parser.add_argument("--seed", type=int, default=1234, metavar="N", help="(default: 1234)")


def _tag(parser: argparse.ArgumentParser) -> None:
    _add_input(parser)
    _add_output(parser)
    parser.add_argument("--model", type=input_file, metavar="GGUF", help="ask a local model, not the rules")
    parser.add_argument("--overwrite", action="store_true", help="also where a category is given")
    parser.add_argument("-n", type=int, metavar="N", help="tag the first N rows only")


def _generate(parser: argparse.ArgumentParser) -> None:
    from belle.cli.data.generate_options import add_generate_options  # only here: it knows models and servers

    add_generate_options(parser)


def _filter(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _CONDITIONS
    parser.add_argument("file", type=path_or_name, metavar="FILE", help="the data; each record is kept as it is")
    parser.add_argument(
        "-o", "--output", type=output_file, required=True, metavar="OUT", help="what is kept, JSON Lines (.jsonl, .gz)"
    )
    parser.add_argument(
        "--where",
        required=True,
        action="append",
        metavar="CONDITION",
        help="rows to keep; repeatable, all have to hold",
    )
    parser.add_argument("--rejected", type=output_file, metavar="OUT", help="write what was left out here")
    _add_report(parser)


_COMMANDS = {
    "check": Subcommand("say what is in a file and what is wrong with it", _check, "belle.cli.data.check:check"),
    "show": Subcommand("show samples as the model will see them", _show, "belle.cli.data.show:show"),
    "convert": Subcommand("write a file in another format", _convert, "belle.cli.data.rows:convert"),
    "dedup": Subcommand("leave out duplicates, and what an evaluation asks", _dedup, "belle.cli.data.rows:dedup"),
    "clean": Subcommand("leave out what teaches the wrong thing", _clean, "belle.cli.data.rows:clean"),
    "split": Subcommand("hold out a part for validation, duplicates on one side", _split, "belle.cli.data.rows:split"),
    "mix": Subcommand("several files in a fixed ratio", _mix, "belle.cli.data.rows:mix"),
    "generate": Subcommand(
        "have models write data: tasks, dialogues, questions", _generate, "belle.cli.data.generate:generate"
    ),
    "filter": Subcommand("keep the rows of which a condition holds", _filter, "belle.cli.data.filter:filter_rows"),
    "tag": Subcommand("say which of BELLE's 13 kinds of task each row is", _tag, "belle.cli.data.tag:tag"),
}
