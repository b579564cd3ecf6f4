"""`belle eval run`: asks models the items of a set."""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import monotonic

from belle import environment, units
from belle.cli.messages import say
from belle.cli.terminal import Terminal, bar
from belle.clients.chat.answer_file import RowShard, read_answers
from belle.clients.chat.batch_file import read_batch, write_requests
from belle.clients.chat.bulk import SpendingLimit
from belle.clients.chat.endpoints import Endpoint, endpoint_at, read_endpoints
from belle.clients.chat.requests import Decoding
from belle.errors import KnownError
from belle.evaluation.answers.answerer import BatchReader, BatchWriter, ModelAnswerer, ServerAnswerer, engine_answerer
from belle.evaluation.answers.run import AnswerOptions, RunProgress, answer_set, turn_id
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.items.read import read_set
from belle.models.catalog import resolve


def run(arguments: argparse.Namespace) -> int:
    """Ask each model. Returns 1 when an item has no answer; raises KnownError."""
    environment.check_packages("belle eval", "httpx2", "jsonschema", "regex")
    terminal = Terminal()
    items = read_set(arguments.set)
    if arguments.n:
        items = replace(items, items=items.items[: arguments.n])
    options = AnswerOptions(
        arguments.system,
        Decoding(temperature=arguments.temperature, max_tokens=arguments.max_tokens, seed=arguments.seed),
        RowShard.parse(arguments.shard),
    )
    complete = True
    for opened in _answerers(arguments, terminal):
        with opened as answerer:
            path = _answer_file(arguments.output, answerer.name, options.shard)
            progress = _ask(items, answerer, path, options, terminal)
            _print_table(items, answerer.name, path, options, progress)
            complete &= progress.done == progress.total
    return 0 if complete else 1


def _answerers(arguments: argparse.Namespace, terminal: Terminal) -> Iterator[AbstractContextManager[ModelAnswerer]]:
    """One for each model, in the order of the command line. Raises KnownError."""
    by_model: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in read_endpoints(arguments.endpoints) if arguments.endpoints else []:
        by_model[endpoint.model].append(endpoint)
    if bool(arguments.url or arguments.batch_out or arguments.batch_in) != bool(arguments.model):
        message = "--model belongs to --url, --batch-out or --batch-in, and these to it."
        raise KnownError("usage", message, "Give the name of the model there.")
    if arguments.batch_out:
        yield _batch_writer(arguments.model, arguments.batch_out)
    elif arguments.batch_in:
        yield _batch_reader(arguments.model, arguments.batch_in, terminal)
    elif arguments.url:
        by_model[arguments.model].append(endpoint_at(arguments.url, arguments.model, key=arguments.key))
    if not (arguments.models or by_model or arguments.model):
        raise KnownError("usage", "There is no model to ask.", "Name a model, or give --url or --endpoints.")
    files = [resolve(model).path for model in arguments.models]
    limit = SpendingLimit(arguments.max_total_tokens, arguments.max_cost)
    for name, path in zip(arguments.models, files, strict=True):
        yield engine_answerer(
            path,
            name=Path(name).stem if "/" in name or name.endswith(".gguf") else name,
            template=arguments.template,
            n_ctx=arguments.ctx,
            threads=arguments.threads,
            on_loading=lambda fraction: terminal.progress(f"loading {bar(fraction)}"),
            on_safer_mode=lambda: terminal.note(say("safer_mode")),
        )
    for endpoints in by_model.values():
        yield nullcontext(ServerAnswerer(endpoints, limit, terminal.note))


@contextmanager
def _batch_writer(model: str, path: Path) -> Iterator[BatchWriter]:
    writer = BatchWriter(model)
    yield writer
    print(f"{path}: {write_requests(path, writer.requests, model):,} requests")


@contextmanager
def _batch_reader(model: str, path: Path, terminal: Terminal) -> Iterator[BatchReader]:
    reader = BatchReader(model, read_batch(path))
    yield reader
    if reader.unused:
        some = ", ".join(sorted(reader.unused)[:3])
        terminal.note(f"{path} answers {len(reader.unused):,} requests that are not open here, such as {some}.")


def _answer_file(folder: Path, model: str, shard: RowShard) -> Path:
    name = re.sub(r"[^\w.-]+", "-", model).strip("-.") or "model"
    return shard.file(folder / "answers", name)


def _ask(
    items: EvaluationItems, answerer: ModelAnswerer, path: Path, options: AnswerOptions, terminal: Terminal
) -> RunProgress:
    started = monotonic()

    def show(progress: RunProgress) -> None:
        seconds = (monotonic() - started) / max(progress.asked, 1) * (progress.total - progress.done)
        left = units.rough_duration(seconds)
        terminal.progress(f"{answerer.name}: {progress.done:,} of {progress.total:,} answers, {left} left")

    try:
        return answer_set(items, answerer, path, options, on_progress=show)
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
        print(f"  {name:<16}{len(answers):>7,}{len(texts):>10,}{missing:>8,}{cut:>6,}{mean:>12,.0f}")
    for item, reason in list(progress.failed.items())[:5]:
        print(f"  {item}: {reason}")
