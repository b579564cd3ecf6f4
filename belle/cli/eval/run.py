"""`belle eval run`: asks models the items of a set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic

from belle import environment, units
from belle.cli.eval.models import file_name, open_models
from belle.cli.eval.strategies import CONTEXT, PROMPT_CACHE, print_costs, stepping_answerers
from belle.cli.terminal import Terminal, bar
from belle.clients.chat.answer_file import RowShard, read_answers
from belle.clients.chat.requests import Decoding
from belle.errors import KnownError
from belle.evaluation.answers.answerer import EngineAnswerer, ModelAnswerer, engine_answerer
from belle.evaluation.answers.run import AnswerOptions, RunProgress, answer_set, turn_id
from belle.evaluation.items.item import EvaluationItems, class_name
from belle.evaluation.items.read import read_set
from belle.models.catalog import resolve
from belle.texts import padded


def run(arguments: argparse.Namespace) -> int:
    """Ask each model. Returns 1 when an item has no answer, and no batch asks for it; raises KnownError."""
    environment.check_packages("belle eval", "httpx2", "jsonschema", "regex")
    terminal = Terminal()
    items = read_set(arguments.set)
    if arguments.classes:
        items = _of_classes(items, arguments.classes)
    if arguments.n:
        items = items.sample(arguments.n)
    options = AnswerOptions(
        arguments.system,
        Decoding(temperature=arguments.temperature, max_tokens=arguments.max_tokens, seed=arguments.seed),
        RowShard.parse(arguments.shard),
        by_item=bool(arguments.strategy),
    )
    if arguments.strategy:  # the seconds of a turn are its own
        arguments.parallel, arguments.ctx = 1, arguments.ctx or CONTEXT
    complete = True
    files: dict[str, Path] = {}
    cache = PROMPT_CACHE if arguments.strategy else 0
    with ExitStack() as stack:
        slow = _slow(arguments, terminal, stack)
        for opened in open_models(arguments.models, arguments, terminal, prompt_cache=cache):
            with opened as model:
                for answerer in stepping_answerers(model, slow, arguments):
                    path = files[answerer.name] = _answer_file(arguments.output, answerer.name, options.shard)
                    progress = _ask(items, answerer, path, options, terminal)
                    _print_table(items, answerer.name, path, options, progress)
                    complete &= progress.done == progress.total
    if arguments.strategy:
        print_costs(files, [item.id for item in items.items])
    return 0 if complete or arguments.batch_out else 1


def _of_classes(items: EvaluationItems, names: Sequence[str]) -> EvaluationItems:
    """The items of some classes. Raises KnownError("usage")."""
    wanted = {class_name(name) for name in names}
    unknown = sorted(wanted - items.classes.keys())
    if unknown:
        message = f"{items.name} has no class “{unknown[0]}”."
        raise KnownError("usage", message, f"Its classes are {', '.join(items.classes)}.")
    return replace(items, items=tuple(item for item in items.items if item.category in wanted))


def _slow(arguments: argparse.Namespace, terminal: Terminal, stack: ExitStack) -> EngineAnswerer | None:
    """DUMA's slow mind; None where it is the same model. Raises KnownError."""
    if not arguments.slow:
        return None
    if "duma" not in arguments.strategy:
        raise KnownError("usage", "--slow belongs to --strategy duma.", "Leave it out, or choose that strategy.")
    return stack.enter_context(
        engine_answerer(
            resolve(arguments.slow).path,
            n_ctx=arguments.ctx,
            threads=arguments.threads,
            on_loading=lambda fraction: terminal.progress(f"loading {bar(fraction)}"),
        )
    )


def _answer_file(folder: Path, model: str, shard: RowShard) -> Path:
    return shard.path(folder / "answers" / f"{file_name(model)}.jsonl")


def _ask(
    items: EvaluationItems, answerer: ModelAnswerer, path: Path, options: AnswerOptions, terminal: Terminal
) -> RunProgress:
    started = monotonic()
    latest: RunProgress | None = None

    def show(progress: RunProgress) -> None:
        nonlocal latest
        latest = progress
        seconds = (monotonic() - started) / max(progress.asked, 1) * (progress.total - progress.done)
        left = units.rough_duration(seconds)
        terminal.progress(f"{answerer.name}: {progress.done:,} of {progress.total:,} answers, {left} left")

    try:
        return answer_set(items, answerer, path, options, on_progress=show)
    except KeyboardInterrupt:
        terminal.clear_line()
        done = "nothing new" if latest is None else f"{latest.done:,} of {latest.total:,} answers"
        terminal.note(f"Interrupted: {done} of {answerer.name} in {path}. The same command goes on with the rest.")
        raise
    finally:
        terminal.clear_line()


def _print_table(items: EvaluationItems, model: str, path: Path, options: AnswerOptions, progress: RunProgress) -> None:
    """Answers of each class: how many, how long, and how many were cut."""
    rows = {str(row["id"]): row for row in read_answers(path)}
    print(f"{model}: {progress.done:,} of {progress.total:,} answers to {items.name}, in {path}")
    print(f"  {'class':<16}{'items':>7}{'answered':>10}{'failed':>8}{'cut':>6}{'characters':>12}")
    for name in items.classes:
        answers = [
            rows.get(turn_id(item, len(item.turns))) for item in options.shard.of(items.items) if item.category == name
        ]
        texts = [row["choices"][0] for row in answers if row is not None and "failed" not in row]
        mean = sum(len(text["text"]) for text in texts) / len(texts) if texts else 0.0
        cut = sum(text["finish"] == "length" for text in texts)
        missing = len(answers) - len(texts)
        print(f"  {padded(name, 16)}{len(answers):>7,}{len(texts):>10,}{missing:>8,}{cut:>6,}{mean:>12,.0f}")
    for item, reason in list(progress.failed.items())[:5]:
        print(f"  {item}: {reason}")
