"""`belle train`: runs a recipe, says beforehand what it would take, goes on after an interruption, and reports."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from belle.cli.arguments import input_file, output_file, output_folder, path_or_name, whole
from belle.errors import KnownError

if TYPE_CHECKING:
    from belle.training.recipe.schema import Recipe

_EPILOG = """\
examples:
  belle train train/tiny/sft.yaml
  belle train train/tiny/sft.yaml --set learning_rate=1e-4 --set lora.r=8 --set output_dir=build/mine
  belle train train/tiny/sft.yaml --dry-run
  belle train train/tiny/sft.yaml --resume
  torchrun --nproc_per_node 8 -m belle train RECIPE.yaml
  belle train RECIPE.yaml --launch hosts.txt
  belle train report build/tiny/sft
  belle train sweep train/tiny/mip.yaml --over mix.ratio=1:0,4:1,2:1 --seeds 3 -o build/tiny/sweep
  belle train --keys lora

A run writes metrics.jsonl, recipe.yaml (with every default), step-N/ and final/ to its output_dir. Ctrl-C and SIGTERM
finish the step and save it; --resume goes on as if nothing had happened. The second Ctrl-C ends at once.

A sweep trains the recipe with each value of --over, one run after the other, measures each on eval_data and, with
--eval-set, on a set of “belle eval” by its rules, and prints one table with intervals. Started again it goes on.

exit status: 0 trained; 2 a mistake, in words; 130 after Ctrl-C, 143 after SIGTERM, with a checkpoint written.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    usages = (
        "RECIPE.yaml [options]",
        "report RUN [--out FILE]",
        "sweep RECIPE.yaml --over KEY=VALUE,… -o DIR [options]",
        "--keys [SUBJECT]",
    )
    parser.usage = "\n       ".join(f"belle train {words}" for words in usages)
    parser.add_argument(
        "words", type=path_or_name, nargs="*", metavar="RECIPE.yaml | report RUN | sweep RECIPE.yaml", help="what to do"
    )
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change the recipe; dots reach inside (lora.r=8); may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what it would take, and load no model")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in output_dir")
    parser.add_argument(
        "--keys",
        nargs="?",
        const="",
        metavar="SUBJECT",
        help="print the keys that a recipe may have, with type, default and meaning; all, or those of lora, ppo, …",
    )
    parser.add_argument("--launch", type=input_file, metavar="HOSTS", help="start it on the machines of this host file")
    parser.add_argument(
        "--out", type=output_file, metavar="FILE", help="where the report goes (default: RUN/report.html)"
    )
    sweep = parser.add_argument_group("belle train sweep")
    sweep.add_argument(
        "--over",
        action="append",
        default=[],
        metavar="KEY=VALUE,…",
        help="a key of the recipe and its values; repeated, all combinations",
    )
    sweep.add_argument("-o", "--output", type=output_folder, metavar="DIR", help="where runs and the table go")
    sweep.add_argument(
        "--seeds", type=whole(1, 100), default=1, metavar="N", help="runs of each combination (default: 1)"
    )
    sweep.add_argument("--eval-set", metavar="SET", help="items with checks, as for belle eval; own is the project's")
    sweep.add_argument(
        "--max-tokens", type=whole(1), default=256, metavar="N", help="of an answer to it (default: 256)"
    )
    # DeepSpeed's launcher adds it; what counts is the environment.
    parser.add_argument("--local_rank", "--local-rank", type=int, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Train, or say what training would take, or report. Returns the exit status; raises KnownError."""
    if arguments.keys is not None:
        from belle.training.recipe.keys import describe as describe_keys

        print(describe_keys(arguments.keys))
        return 0
    if not arguments.words:
        raise KnownError("usage", "There is no recipe.", "For instance: belle train train/start/lora.yaml")
    first, *rest = arguments.words
    if first == "report":
        return _report(rest, arguments.out)
    if first == "sweep":
        return _sweep(rest, arguments)
    if rest:
        raise KnownError("usage", f"There is one recipe too many: {rest[0]}.", "Change values with --set KEY=VALUE.")
    from belle.training.recipe.load import load_recipe
    from belle.training.recipe.sources import chain

    path = Path(first)
    recipes = chain(replace(load_recipe(path, arguments.changes), resume=arguments.resume))
    if arguments.dry_run:
        from belle.training.cluster.hosts import read_hosts
        from belle.training.estimate.describe import describe

        hosts = read_hosts(arguments.launch) if arguments.launch is not None else ()
        for recipe in recipes:
            print(describe(recipe, hosts))
        return 0
    if arguments.launch is not None:
        from belle.training.cluster.launch import launch

        return launch(arguments.launch, path, arguments.changes, resume=arguments.resume)
    return _train(recipes[-1])


def _train(recipe: Recipe) -> int:
    from belle.durable import on_full_disk
    from belle.training.cluster.processes import stop_processes
    from belle.training.loop.interrupts import Stopped
    from belle.training.stages.run import run_recipe
    from convert.llama_ids import llama_ids

    try:
        with on_full_disk("Free some space, or set output_dir to another disk; then start again with --resume."):
            run_recipe(recipe, llama_ids=llama_ids)
    except Stopped as stopped:
        print(stopped)
        return stopped.exit_status
    finally:
        stop_processes()
    return 0


def _sweep(rest: list[str], arguments: argparse.Namespace) -> int:
    if len(rest) != 1:
        message = "A sweep is of one recipe."
        raise KnownError("usage", message, "For instance: belle train sweep RECIPE.yaml --over lora.r=8,16 -o DIR")
    from belle.cli.train.sweep import sweep

    return sweep(arguments, Path(rest[0]))


def _report(rest: list[str], out: Path | None) -> int:
    if len(rest) != 1:
        raise KnownError("usage", "A report is of one run.", "For instance: belle train report build/tiny/sft")
    from belle.training.run_folder import RunFolder
    from belle.training.tracking.report import write_report

    print(write_report(RunFolder(Path(rest[0])), out))
    return 0
