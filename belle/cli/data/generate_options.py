"""The options of `belle data generate`."""

from __future__ import annotations

import argparse

from belle.cli.arguments import input_file, input_path, output_file, path_or_name, real, share, whole
from belle.cli.eval.models import ENDPOINTS_HELP, add_engine_options, add_server_options
from belle.synthesis.draft import KINDS
from belle.synthesis.novelty import NEAR

_EPILOG = """\
kinds:
{kinds}

examples:
  belle data generate instructions --writer model.gguf -o tasks.jsonl --n 1000
  belle data generate instructions --writer starter -o t.jsonl --seeds zh_seed_tasks.json --evolve --agree 2
  belle data generate qa --url http://127.0.0.1:8000/v1 --model big --passages handbook/ -o qa.jsonl
  belle data generate dialogues --endpoints cluster.toml --labels labels.toml -o chats.jsonl --n 100000 \\
      --judge BIG --max-total-tokens 500000000
  belle data filter tasks.jsonl -o good.jsonl --where 'judge >= 0.7 and agreement >= 0.5'

All replies are kept in OUT.replies. A run can be interrupted or killed at any moment: the same command goes on, and
asks nothing again that was answered. With a larger --n it makes more. The exit status is 1 where rows are missing.

With --shard, as in a Slurm array, each process makes its share of --n and writes a file of its own, such as
tasks-00003-of-00016.jsonl. Limits of tokens and money are those of each. No shard sees the rows of the others: put the
files together, and leave out near duplicates with “belle data dedup --near 0.4 --by question”.

Besides its text a row has columns, which training passes over: parsed, agreement, judge, supported, category, labels,
question_characters, answer_characters, provenance. “belle data filter” keeps them; commands that write rows anew, such
as dedup, keep the category alone.

Labels are a TOML file; each request carries one of each table, the rarer the likelier, so that
rows have them in the ratio of the weights:

  [scene]
  values = ["a kitchen", "a train"]
  weights = [1, 2]           # may be left out
  [output]
  name = "form of the answer"
  values = ["a table", "one sentence"]

{endpoints}"""


def add_generate_options(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    kinds = "\n".join(f"  {name:<14}{title}" for name, title in KINDS.items())
    parser.epilog = _EPILOG.format(kinds=kinds, endpoints=ENDPOINTS_HELP)
    parser.add_argument("kind", choices=tuple(KINDS), metavar="KIND", help="what to generate, see below")
    parser.add_argument(
        "--writer",
        type=path_or_name,
        metavar="MODEL",
        help="the model here that writes: a name of “belle models list”, a GGUF file, or a checkpoint",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=output_file,
        metavar="OUT",
        help="the rows, JSON Lines that training reads",
    )
    parser.add_argument(
        "--n", type=whole(1), metavar="N", help="rows (default: 100; about passages, all that they give)"
    )
    parser.add_argument(
        "--shard", default="0/1", metavar="I/N", help="the I-th of N parts of the run: 0/4 … 3/4 (default: all of it)"
    )
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="of the rows (default: zh)")
    _add_sources(parser)
    _add_asking(parser)
    _add_quality(parser)
    add_server_options(parser, "models on servers", batches=False)
    add_engine_options(parser, "GGUF models")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    sources = parser.add_argument_group("what rows are about")
    sources.add_argument(
        "--seeds", type=input_file, metavar="FILE", help="seed tasks, as BELLE's zh_seed_tasks.json (default: our own)"
    )
    sources.add_argument(
        "--passages",
        type=input_path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="texts: .txt, JSON Lines with “text”, or folders; for qa, choices, and dialogues about them "
        "(with 4096 tokens of context each, if --ctx is not given)",
    )
    sources.add_argument("--labels", type=input_file, metavar="FILE", help="labels that requests are made with (TOML)")


def _add_asking(parser: argparse.ArgumentParser) -> None:
    asking = parser.add_argument_group("how models are asked")
    asking.add_argument(
        "--per-request", type=whole(1, 50), default=8, metavar="N", help="tasks in one request (default: 8)"
    )
    asking.add_argument(
        "--examples",
        type=whole(1, 20),
        default=4,
        metavar="N",
        help="tasks shown in a request (default: 4); one in four is the model's own, as soon as there are eight",
    )
    asking.add_argument(
        "--evolve",
        type=real(0, 1),
        nargs="?",
        const=0.5,
        default=0.0,
        metavar="SHARE",
        help="requests that rewrite an accepted task: deeper, constrained, concrete, broader (alone: 0.5)",
    )
    asking.add_argument("--turns", type=whole(2, 20), default=4, metavar="N", help="of a dialogue at most (default: 4)")
    asking.add_argument(
        "--temperature", type=real(0, 5), default=0.8, metavar="T", help="of what the model writes (default: 0.8)"
    )
    asking.add_argument(
        "--answer-temperature", type=real(0, 5), default=0.0, metavar="T", help="of its answers (default: 0)"
    )
    asking.add_argument("--max-tokens", type=whole(1), default=1024, metavar="N", help="of each reply (default: 1024)")
    asking.add_argument("--seed", type=whole(0), default=1, metavar="N", help="default: 1")
    asking.add_argument(
        "--give-up",
        type=whole(1),
        default=30,
        metavar="N",
        help="stop after N replies in a row that bring nothing (default: 30)",
    )


def _add_quality(parser: argparse.ArgumentParser) -> None:
    quality = parser.add_argument_group("what becomes a row")
    quality.add_argument("--near", type=share, default=NEAR, metavar="S", help=f"what is a duplicate (default: {NEAR})")
    quality.add_argument(
        "--shortest", type=whole(1), default=5, metavar="N", help="characters of a question (default: 5)"
    )
    quality.add_argument("--longest", type=whole(1), default=600, metavar="N", help="… at most (default: 600)")
    quality.add_argument(
        "--supported",
        type=real(0, 1),
        default=0.3,
        metavar="S",
        help="share of an answer that its passage has to have, at least (default: 0.3)",
    )
    quality.add_argument(
        "--against", type=path_or_name, nargs="+", default=[], metavar="EVAL", help="evaluations that no row may hold"
    )
    quality.add_argument(
        "--allow-own-evaluation", action="store_true", help="rows may hold questions of the program's own evaluations"
    )
    quality.add_argument(
        "--agree", type=whole(0, 20), default=0, metavar="K", help="answer K times more, and note how far they agree"
    )
    quality.add_argument(
        "--judge",
        type=path_or_name,
        metavar="MODEL",
        help="note a score: a GGUF, a name of “belle models list”, a model of --endpoints; “itself” is the writer",
    )
