"""`belle data show`: samples as the model sees them, with the trained tokens in colour."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from belle.data.rows import Conversation, Kind, Row
from belle.errors import KnownError
from belle.streams import commanding
from belle.texts import visible

if TYPE_CHECKING:
    from belle.data.files import Record
    from belle.prompts import PromptTemplate
    from belle.training.recipe.schema import Recipe
    from belle.training.samples.store import Counts
    from belle.training.tokenizer.tokenizer import HubVocabulary

_TRAINED, _PLAIN = "\x1b[30;42m", "\x1b[0m"
_DEFAULT = 3
T = TypeVar("T")
Sample = tuple[list[int], list[int]]


def show(arguments: argparse.Namespace) -> int:
    """Print the samples. Returns the exit status; raises KnownError."""
    from belle.data.read import scan_kinds
    from belle.training.recipe.load import load_recipe
    from belle.training.recipe.sources import fetched, tokenizer_of
    from belle.training.samples.store import Counts
    from belle.training.tokenizer.templates import template_of
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

    recipe = fetched(load_recipe(arguments.recipe, arguments.set), weights=False)
    kinds: tuple[Kind, ...] = (arguments.kind,) if arguments.kind else recipe.traits.kinds
    tokenizer = load_tokenizer(tokenizer_of(recipe))
    template = template_of(recipe.template, tokenizer, chats=recipe.traits.renders_chats, add_tokens=recipe.add_tokens)
    vocabulary = HubVocabulary(tokenizer)
    limit = arguments.n if arguments.n is not None else None if arguments.json else _DEFAULT
    scanned = scan_kinds(arguments.file, kinds, _format(arguments, recipe))
    if arguments.seed is not None:
        scanned = iter(_drawn(scanned, limit or _DEFAULT, arguments.seed))
    colours = _colours(arguments.colour)
    shown, counts = 0, Counts()
    for record, row in scanned:
        if limit is not None and shown >= limit:
            break
        if isinstance(row, KnownError):
            raise row
        samples = list(_samples(recipe, vocabulary, template, record, row, counts=counts))
        shown += bool(samples)
        for number, (ids, labels) in enumerate(samples):
            if arguments.json:
                print(json.dumps({"input_ids": ids, "labels": labels}))
            else:
                title = ("chosen", "rejected")[number] if kinds == ("preference",) else ""
                print(_headline(record, title, labels))
                print(_text(vocabulary, ids, labels, colours=colours), file=commanding(sys.stdout))
    for words in counts.dropped_in_words:
        sys.stderr.write(f"{words}\n")
    return 0


def _samples(
    recipe: Recipe, vocabulary: HubVocabulary, template: PromptTemplate, record: Record, row: Row, *, counts: Counts
) -> Iterator[Sample]:
    """The sequences that training makes of a row, with their labels; reasons for none are added to `counts`."""
    import numpy as np

    from belle.prompts.encoding import UNTRAINED
    from belle.training.samples.encode import Refusal, RowChunk, RowEncoder
    from belle.training.samples.prompts import prompt_of

    if recipe.traits.writes_answers and isinstance(row, Conversation):
        ids = prompt_of(row.messages, vocabulary, template)
        if isinstance(ids, str):
            counts.drop(ids)
        else:
            yield ids, [UNTRAINED] * len(ids)
        return
    encoder = RowEncoder(vocabulary, template, recipe.max_length, trains_all=recipe.traits.trains_all)
    chunk = RowChunk(0, record.path, record.unit, [(record.number, row)])
    part = encoder.encode(chunk)
    if isinstance(part, Refusal):
        raise part.error()
    counts.add(part.counts)
    # A token without loss is stored as its bitwise complement, which is negative.
    for tokens in np.split(part.tokens, np.cumsum(part.lengths)[:-1]) if len(part.lengths) else ():
        untrained = tokens < 0
        yield np.where(untrained, ~tokens, tokens).tolist(), np.where(untrained, UNTRAINED, tokens).tolist()


def _format(arguments: argparse.Namespace, recipe: Recipe) -> str:
    """The format by the command line, or by the recipe for this file."""
    if arguments.format != "auto":
        return str(arguments.format)
    here = Path(arguments.file).resolve()
    return next((f.format for f in (*recipe.data, *recipe.eval_data) if f.path.resolve() == here), "auto")


def _drawn(items: Iterable[T], count: int, seed: int) -> list[T]:
    """`count` random items, all equally likely: reservoir sampling (Vitter 1985, algorithm R)."""
    randomness = random.Random(seed)  # noqa: S311  # not for secrets
    stream = iter(items)
    rows = list(islice(stream, count))
    for seen, item in enumerate(stream, start=count):
        index = randomness.randrange(seen + 1)
        if index < count:
            rows[index] = item
    return rows


def _colours(wanted: str) -> bool:
    return wanted == "always" or (wanted == "auto" and sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def _headline(record: Record, title: str, labels: list[int]) -> str:
    trained = sum(label >= 0 for label in labels)
    source = f"{record.path}, {record.unit} {record.number}"
    return f"── {source}{f', {title}' if title else ''}: {len(labels):,} tokens, {trained:,} of them trained"


def _text(vocabulary: HubVocabulary, ids: list[int], labels: list[int], *, colours: bool) -> str:
    """The text of the tokens, those with loss in colour or in brackets."""
    before, after = (_TRAINED, _PLAIN) if colours else ("⟦", "⟧")
    pieces = []
    for is_trained, pairs in groupby(zip(ids, labels, strict=True), key=lambda pair: pair[1] >= 0):
        text = visible(vocabulary.text([token for token, _ in pairs]))
        pieces.append(f"{before}{text}{after}" if is_trained else text)
    return "".join(pieces)
