"""The judge of a command line: its options, its prompts, and the model that judges."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager

from belle.cli.arguments import input_file, path_or_name, whole
from belle.cli.eval.models import add_engine_options, add_server_options, open_models
from belle.cli.terminal import Terminal
from belle.clients.chat.requests import Decoding
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.judge.prompts import JudgePrompts, OwnPrompts, read_belle_prompts


def add_judge_options(parser: argparse.ArgumentParser, *, batches: bool = True) -> None:
    """Declare the options of a judge; without `batches` none that is answered elsewhere."""
    parser.add_argument(
        "--judge", type=path_or_name, metavar="MODEL", help="name of “belle models list”, or a GGUF file"
    )
    parser.add_argument(
        "--prompts", type=input_file, metavar="FILE", help="BELLE's eval_prompt.json (default: our own prompts)"
    )
    parser.add_argument("--max-tokens", type=whole(1), default=1024, metavar="N", help="of each reply (default: 1024)")
    parser.add_argument("--seed", type=whole(0), default=1, metavar="N", help="default: 1")
    add_server_options(parser, "a judge on a server", batches=batches)
    add_engine_options(parser, "a judge here")


def open_judge(arguments: argparse.Namespace, terminal: Terminal) -> AbstractContextManager[ModelAnswerer]:
    """The one judge that is named, to be entered. Raises KnownError."""
    judges = list(open_models([arguments.judge] if arguments.judge else [], arguments, terminal))
    if len(judges) != 1:
        raise KnownError("usage", "There has to be one judge.", "Give --judge MODEL, or --url with --model.")
    return judges[0]


def judge_prompts(arguments: argparse.Namespace) -> JudgePrompts:
    """BELLE's prompts from the file that is named, else our own. Raises KnownError."""
    return read_belle_prompts(arguments.prompts) if arguments.prompts else OwnPrompts()


def judge_decoding(arguments: argparse.Namespace) -> Decoding:
    """How a judge replies: at the temperature 0, as every score depends on it."""
    return Decoding(max_tokens=arguments.max_tokens, seed=arguments.seed)
