"""`belle eval judge --pairs`: which of two models answers better, asked in both orders."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations

from belle.cli.eval.folders import run_facts
from belle.cli.eval.judge_progress import reply_counter
from belle.cli.eval.judges import judge_decoding
from belle.cli.eval.models import file_name
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.judge.pair_file import ModelPair, pair_file, write_pair
from belle.evaluation.judge.pairs import PairRun, PairVerdict
from belle.evaluation.judge.verdicts import JudgedAnswer


def model_pairs(models: Sequence[str], arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """The pairs that are compared: all, or those with one model. Raises KnownError ("usage")."""
    if arguments.prompts:
        message = "BELLE's prompts score one answer; they have no form for two."
        raise KnownError("usage", message, "Compare pairs without --prompts: they are judged with our own prompts.")
    if len(models) < 2:
        message = f"{arguments.folder} has the answers of one model, {models[0]}; a pair needs two."
        raise KnownError("usage", message, "Ask another model into the same folder: belle eval run.")
    if arguments.against is None:
        return list(combinations(models, 2))
    if arguments.against not in models:
        message = f"{arguments.folder} has no answers of {arguments.against}."
        raise KnownError("usage", message, f"It has those of {', '.join(models)}.")
    # In the order of all pairs, so that the same two models always share a file.
    return [pair for pair in combinations(models, 2) if arguments.against in pair]


def compare(
    judge: ModelAnswerer,
    pairs: Sequence[tuple[str, str]],
    answers: Mapping[str, Sequence[JudgedAnswer]],
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> int:
    """Compare the models of each pair. Returns 1 when a comparison has no winner and is no tie; raises KnownError."""
    path = arguments.folder / "verdicts" / f"{file_name(judge.name)}-pairs.jsonl"
    comparing = PairRun(judge, path, judge_decoding(arguments))
    asked = run_facts(arguments.folder)
    complete = True
    for first, second in pairs:
        with reply_counter(terminal, judge.name, f"{first} and {second}", "their answers", path) as count:
            verdicts = comparing.verdicts(answers[first], answers[second], count)
        if not arguments.batch_out:  # the comparisons of another judge stay until there are new ones
            of_both = {name: asked[name] for name in (first, second)}
            facts = {"set": asked[first]["set"], **comparing.facts, "asked": of_both}
            write_pair(pair_file(arguments.folder, first, second), ModelPair(first, second, facts, verdicts))
            _print_pair(first, second, verdicts)
            complete &= all(verdict.winner is not None for verdict in verdicts)
    return 0 if complete else 1


def _print_pair(first: str, second: str, verdicts: Sequence[PairVerdict]) -> None:
    counts = {winner: sum(verdict.winner == winner for verdict in verdicts) for winner in ("first", "second", "tie")}
    unknown = [verdict for verdict in verdicts if verdict.winner is None]
    print(
        f"{first} and {second}: {len(verdicts):,} answers to the same items; better {first} {counts['first']:,}, "
        f"{second} {counts['second']:,}, ties {counts['tie']:,}, no verdict {len(unknown):,}"
    )
    both = [verdict.orders for verdict in verdicts if verdict.orders and None not in verdict.orders]
    if both:
        same = sum(orders[0] == orders[1] for orders in both)
        print(f"  self-check, swapped order: the same verdict in {same:,} of {len(both):,}")
    for verdict in unknown[:3]:
        reason = f"the judge {verdict.problem}" if verdict.by == "judge" else verdict.problem
        print(f"  {verdict.item}: {reason}")
