"""`belle train sweep`: trains a recipe with several values of a key, and compares what they give in one table."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from belle.cli.terminal import Terminal
from belle.durable import write_text
from belle.errors import KnownError
from belle.sweep.forms import csv_text, json_document, markdown, text_table
from belle.sweep.grid import sweep_runs
from belle.sweep.item_scores import with_rules
from belle.sweep.sweep import Sweep
from belle.sweep.table import sweep_table


def sweep(arguments: argparse.Namespace, recipe: Path) -> int:
    """Run or list the sweep. Returns 1 when a run failed; raises KnownError."""
    from belle.evaluation.items.read import read_set
    from belle.training.recipe.load import load_recipe

    if not arguments.over:
        raise KnownError("usage", "A sweep needs --over.", "For instance: --over mix.ratio=1:0,1:1,1:5")
    if arguments.output is None:
        raise KnownError("usage", "A sweep needs a folder.", "Give it with -o DIR.")
    if arguments.resume or arguments.launch:
        option = "--resume" if arguments.resume else "--launch"
        raise KnownError("usage", f"A sweep takes no {option}.", "It goes on by itself when it is started again.")
    first_seed = load_recipe(recipe, arguments.changes).seed
    runs = sweep_runs(arguments.over, seeds=arguments.seeds, first_seed=first_seed)
    items = with_rules(read_set(arguments.eval_set)) if arguments.eval_set else None
    if items is not None and not items.items:
        message = f"{arguments.eval_set} has no item with checks, and a sweep asks no judge."
        raise KnownError("sweep_wrong", message, "Name another set, or leave --eval-set out.")
    work = Sweep(recipe, arguments.changes, arguments.output, runs, items, max_tokens=arguments.max_tokens)
    if arguments.dry_run:
        for run in runs:
            print(f"{work.state(run):<9} {run.name}: {', '.join(run.changes)}")
        print(f"{len(runs):,} runs")
        return 0
    terminal = Terminal()
    with _ended_by_sigterm():
        results = work.results(terminal.note, terminal.progress)
    terminal.clear()
    rows = sweep_table(results)
    facts = {"recipe": str(recipe), "changes": arguments.changes, "over": arguments.over, "seeds": arguments.seeds}
    forms = {
        "md": markdown(rows, f"{recipe.name}: {', '.join(arguments.over)}"),
        "csv": csv_text(rows),
        "json": json_document(rows, facts | {"set": arguments.eval_set}),
    }
    for suffix, text in forms.items():
        write_text(arguments.output / f"sweep.{suffix}", text)
    print(text_table(rows), end="")
    print(f"written: {arguments.output / 'sweep.md'}, sweep.csv, sweep.json")
    return 1 if any(result.problem for result in results) else 0


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the run that is being trained as Ctrl-C does, and then the sweep."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
