"""`belle data convert`, `dedup`, `clean`, `split` and `mix`: read rows and write rows."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from belle.cli.terminal import Terminal
from belle.data.files import count_lines
from belle.data.read import detect_format, read_categories, read_rows
from belle.data.rows import Row, compared_text, texts_of
from belle.data.write import WRITABLE, open_writer
from belle.errors import KnownError
from belle.units import short_duration

if TYPE_CHECKING:
    from belle.data.duplicates.index import Duplicate

_EVERY = 1000
_EXAMPLES = 20


def convert(arguments: argparse.Namespace) -> int:
    """Write the rows in another format."""
    categories = read_categories(arguments.categories) if arguments.categories else {}
    with open_writer(arguments.output, output_format(arguments)) as writer:
        for row in islice(rows(arguments), arguments.n):
            known = categories.get(row.id, "")
            writer.write(replace(row, category=known) if known else row)
    print(f"{arguments.output}: {writer.written:,} rows")
    return 0


def dedup(arguments: argparse.Namespace) -> int:
    """Leave out duplicates of rows that are kept, and rows that contain a question of an evaluation."""
    from belle.data.contamination import EvaluationSet

    evaluation = EvaluationSet(arguments.against, arguments.overlap) if arguments.against else None
    counts: Counter[str] = Counter(read=0, duplicates=0, near_duplicates=0, contaminated=0)
    hits: list[dict[str, Any]] = []
    by_file: Counter[str] = Counter()
    with open_writer(arguments.output, output_format(arguments)) as writer:
        for row, duplicate in _with_duplicates(arguments):
            counts["read"] += 1
            if duplicate is not None:
                counts["duplicates" if duplicate.equal else "near_duplicates"] += 1
                continue
            hit = evaluation.find(row) if evaluation else None
            if hit is not None:
                counts["contaminated"] += 1
                by_file[hit.path] += 1
                if len(hits) < _EXAMPLES:
                    hits.append({"row": counts["read"], **asdict(hit)})
                continue
            writer.write(row)
    counts["written"] = writer.written
    if arguments.json:
        print(json.dumps({**counts, "contaminated_by_file": by_file, "hits": hits}, ensure_ascii=False, indent=1))
        return 0
    print(f"{arguments.output}: {writer.written:,} of {counts['read']:,} rows")
    print(f"left out: {counts['duplicates']:,} duplicates, {counts['near_duplicates']:,} near duplicates")
    if evaluation is not None:
        print(f"left out: {counts['contaminated']:,} rows that hold one of {len(evaluation):,} evaluation questions")
        for entry in hits[:5]:
            question = " ".join(entry["question"].split())[:60]
            print(
                f"  row {entry['row']}: {entry['overlap']:.0%} of {entry['path']}, line {entry['number']}: {question}"
            )
    return 0


def _with_duplicates(arguments: argparse.Namespace) -> Iterator[tuple[Row, Duplicate | None]]:
    """The rows of the input file, with the kept text that each is a duplicate of."""
    from belle.data.duplicates.index import DuplicateIndex

    waiting: deque[Row] = deque()  # rows that the index has read ahead

    def texts() -> Iterator[str]:
        for row in rows(arguments):
            waiting.append(row)
            yield compared_text(row, questions_alone=arguments.by == "question")

    for duplicate in DuplicateIndex(arguments.near or 1.0).add_all(texts()):
        yield waiting.popleft(), duplicate


def clean(arguments: argparse.Namespace) -> int:
    """Leave out the rows that a rule matches, and count them by rule."""
    from belle.data.clean import RULES, Limits, reason_against, tidied

    unknown = [name for name in (*(arguments.only or ()), *arguments.without) if name not in RULES]
    if unknown:
        message = f"There is no rule “{unknown[0]}”."
        raise KnownError("unknown_rule", message, f"The rules are: {', '.join(RULES)}.", rule=unknown[0])
    rules = {
        name: rule
        for name, rule in RULES.items()
        if name in (arguments.only or RULES) and name not in arguments.without
    }
    limits = Limits(arguments.shortest, arguments.longest)
    left_out: Counter[str] = Counter()
    changed = 0
    with ExitStack() as stack:
        writer = stack.enter_context(open_writer(arguments.output, output_format(arguments)))
        rejected = (
            stack.enter_context(open_writer(arguments.rejected, output_format(arguments)))
            if arguments.rejected
            else None
        )
        for row in rows(arguments):
            reason = reason_against(row, rules, limits)
            if reason is not None:
                left_out[reason] += 1
                if rejected is not None:
                    rejected.write(replace(row, category=reason))
                continue
            tidy = row if arguments.as_is else tidied(row)
            changed += tidy != row
            writer.write(tidy)
    total = writer.written + left_out.total()
    if arguments.json:
        result = {"read": total, "written": writer.written, "tidied": changed, "left_out": left_out}
        print(json.dumps(result, ensure_ascii=False, indent=1))
        return 0
    print(f"{arguments.output}: {writer.written:,} of {total:,} rows, {changed:,} of them tidied")
    for name, count in left_out.most_common():
        print(f"left out: {count:,} by {name} ({RULES[name].title})")
    return 0


def split(arguments: argparse.Namespace) -> int:
    """Hold out rows; duplicates stay on the same side."""
    from belle.data.duplicates.groups import SimilarTexts
    from belle.data.split import group_text, held_out

    share, count = _size(arguments.size)
    similar = SimilarTexts(arguments.near)
    for row in rows(arguments):
        similar.add(group_text(row))
    out = held_out(similar.groups(), share=share, count=count, seed=arguments.seed).tolist()
    chosen = output_format(arguments)
    with open_writer(arguments.output, chosen) as training, open_writer(arguments.held_out, chosen) as validation:
        for is_out, row in zip(out, rows(arguments), strict=True):
            (validation if is_out else training).write(row)
    print(f"{arguments.output}: {training.written:,} rows")
    print(f"{arguments.held_out}: {validation.written:,} rows")
    return 0


def mix(arguments: argparse.Namespace) -> int:
    """Write the rows of several files in a fixed ratio."""
    from belle.data.mix import Source, mixed

    weights = _ratio(arguments.ratio, len(arguments.files))

    def opener(file: str) -> Any:
        return lambda: read_rows(file, arguments.kind, arguments.format)

    def characters(row: Row) -> float:
        return float(sum(map(len, texts_of(row))))

    sources = [Source(opener(file), weight) for file, weight in zip(arguments.files, weights, strict=True)]
    options: dict[str, Any] = {"size": characters} if arguments.by == "characters" else {}
    counts: Counter[int] = Counter()
    arguments.file = arguments.files[0]
    with open_writer(arguments.output, output_format(arguments)) as writer:
        stream = mixed(sources, seed=arguments.seed, repeat=arguments.repeat, **options)
        for number, row in islice(stream, arguments.n):
            writer.write(row)
            counts[number] += 1
    print(f"{arguments.output}: {writer.written:,} rows")
    for number, file in enumerate(arguments.files):
        print(f"  {counts[number]:,} of {file}")
    return 0


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """The rows of the input file, with a line of progress and, where the rows can be counted, of the time left."""
    terminal = Terminal()
    total = count_lines(arguments.file) if terminal.shows_progress else None
    start = time.monotonic()
    for number, row in enumerate(read_rows(arguments.file, arguments.kind, arguments.format)):
        if number % _EVERY == 0:
            terminal.progress(progress_words(number, total, time.monotonic() - start))
        yield row
    terminal.clear()


def progress_words(number: int, total: int | None, seconds: float) -> str:
    """How far a command is: `number` rows of `total` in `seconds`; `total` is None where it is not known."""
    if not total or not _EVERY <= number <= total:
        return f"{number:,} rows"
    return f"{number:,} of {total:,} rows, {short_duration(seconds / number * (total - number))} left"


def output_format(arguments: argparse.Namespace) -> str | None:
    """The format to write: the one of `--to`, or that of the input if it can be written."""
    if arguments.to:
        return str(arguments.to)
    name = arguments.format if arguments.format != "auto" else detect_format(arguments.file, arguments.kind).name
    return name if name in WRITABLE else None


def _size(text: str) -> tuple[float | None, int | None]:
    """A share below 1, or a number of rows."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value <= 0 or (value >= 1 and value != int(value)):
        raise KnownError(
            "bad_option", f"--size {text} is neither a number of rows nor a share.", "Write 1000, or 0.01."
        )
    return (value, None) if value < 1 else (None, int(value))


def _ratio(text: str, n_files: int) -> list[float]:
    try:
        weights = [float(part) for part in text.split(":")]
    except ValueError:
        weights = []
    if len(weights) != n_files or weights[0] <= 0 or min(weights) < 0:
        message = f"--ratio {text} does not give {n_files} parts, the first above 0."
        raise KnownError("bad_option", message, "Write one number per file, such as 1:5 or 1:0.")
    return weights
