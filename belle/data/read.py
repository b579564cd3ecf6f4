"""From a file to rows: the format is recognised, and errors name the file and the line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Literal, overload

from belle.data.errors import RowError, located
from belle.data.fields import shown
from belle.data.files import Record, records
from belle.data.formats import FORMATS, Format, format_named
from belle.data.rows import Conversation, Kind, Preference, PretrainText, Row, category_name, kind_of, stages_for
from belle.errors import KnownError

# Records at the beginning of a file from which its format is recognised.
_SAMPLE = 50


@overload
def read_rows(path: Path | str, kind: Literal["conversation"], format: str = "auto") -> Iterator[Conversation]: ...
@overload
def read_rows(path: Path | str, kind: Literal["text"], format: str = "auto") -> Iterator[PretrainText]: ...
@overload
def read_rows(path: Path | str, kind: Literal["preference"], format: str = "auto") -> Iterator[Preference]: ...
@overload
def read_rows(path: Path | str, kind: Kind | None = None, format: str = "auto") -> Iterator[Row]: ...
def read_rows(path: Path | str, kind: Kind | None = None, format: str = "auto") -> Iterator[Row]:  # noqa: A002
    """The rows of a file, a folder or a dataset on the hub (`hub:OWNER/NAME`), one after the other.

    Args:
        kind: what the rows must be; None for whatever the file holds.
        format: a name of `FORMATS`; `auto` looks at the first records of each file.

    Raises KnownError: `file_missing`, `file_damaged`, `unknown_format`, `wrong_kind`, and `data_wrong` with path,
    number and unit (line or row) for the first record that is not a row.
    """
    for _, row in scan_rows(path, kind, format):
        if isinstance(row, KnownError):
            raise row
        yield row


def scan_rows(
    path: Path | str,
    kind: Kind | None = None,
    format: str = "auto",  # noqa: A002
) -> Iterator[tuple[Record, Row | KnownError]]:
    """As `read_rows`, with the record of each row, and continuing after a record that is not a row."""
    # In a folder, every file has its own format; `records` yields the files one after the other.
    for file, of_file in groupby(records(path), key=lambda record: record.path):
        sample = list(islice(of_file, _SAMPLE))
        chosen = _format_of(file, sample, kind, format)
        for record in chain(sample, of_file):
            for row in _rows_of(record, chosen):
                yield record, row


def scan_kinds(
    path: Path | str,
    kinds: Sequence[Kind],
    format: str = "auto",  # noqa: A002
) -> Iterator[tuple[Record, Row | KnownError]]:
    """As `scan_rows`, for rows of several kinds; the rest of a file goes unread where its kind is another.

    Raises KnownError("wrong_kind").
    """
    if len(kinds) == 1:
        yield from scan_rows(path, kinds[0], format)
        return
    for record, row in scan_rows(path, None, format):
        if not isinstance(row, KnownError) and kind_of(row) not in kinds:
            raise _wrong_kind(record.path, _KINDS[kind_of(row)], kind_of(row), kinds)
        yield record, row


def _wrong_kind(file: str, holds: str, found: Kind, wanted: Sequence[Kind]) -> KnownError:
    return KnownError(
        "wrong_kind",
        f"{file} holds {holds}, where {' or '.join(_KINDS[kind] for kind in wanted)} are needed.",
        f"It is data for stage: {stages_for(found)}. Name another file, or say with `format` how to read it.",
        path=file,
        found=found,
        wanted=wanted[0] if len(wanted) == 1 else list(wanted),
    )


def detect_format(path: Path | str, kind: Kind | None = None) -> Format:
    """The format of the first records. Raises KnownError as `read_rows`; `file_empty` when there are none."""
    sample = list(islice(records(path), _SAMPLE))
    if not sample:
        raise KnownError("file_empty", f"{path} holds nothing.", path=str(path))
    return _format_of(sample[0].path, [r for r in sample if r.path == sample[0].path], kind, "auto")


def read_categories(path: Path) -> dict[str, str]:
    """The categories in a file of id and category, as BELLE ships beside its 3.5M conversations.

    Raises KnownError as `read_rows`.
    """
    result = {}
    for record in records(path):
        value = record.value
        if not isinstance(value, dict) or "id" not in value or not isinstance(value.get("category"), str):
            problem = record.problem or "“id” or “category” is missing"
            raise located(record, RowError(problem))
        result[str(value["id"])] = category_name(value["category"])
    return result


def _rows_of(record: Record, chosen: Format) -> list[Row | KnownError]:
    try:
        if record.problem:
            raise RowError(record.problem)
        return list(chosen.rows(record.value))
    except RowError as error:
        return [located(record, error)]


def _format_of(file: str, sample: list[Record], kind: Kind | None, name: str) -> Format:
    """The format called `name`, or with `auto` that of most records of the sample. Raises KnownError."""
    if name != "auto":
        try:
            chosen = format_named(name)
        except RowError as error:
            raise KnownError("unknown_format", f"{error.message}.".capitalize(), error.advice, format=name) from None
    else:
        chosen = _recognised(file, sample, kind)
    if kind is not None and chosen.kind != kind:
        raise _wrong_kind(file, f"{_KINDS[chosen.kind]} ({chosen.title})", chosen.kind, [kind])
    return chosen


_KINDS = {
    "conversation": "conversations",
    "text": "texts for pre-training",
    "preference": "pairs of a chosen and a rejected answer",
    "picture": "conversations about pictures",
    "speech": "recordings with what is said in them",
}


def _recognised(file: str, sample: list[Record], kind: Kind | None) -> Format:
    """The format that most records have; where a record fits several, one of the right kind counts."""
    readable = [record.value for record in sample if not record.problem]
    votes: Counter[str] = Counter()
    for value in readable:
        fitting = [f for f in FORMATS.values() if f.fits(value)]
        best = next((f for f in fitting if f.kind == kind), fitting[0] if fitting else None)
        if best is not None:
            votes[best.name] += 1
    if votes:
        return FORMATS[votes.most_common(1)[0][0]]
    raise _unknown(file, sample)


def _unknown(file: str, sample: list[Record]) -> KnownError:
    first = sample[0]
    if first.problem:
        return located(first, RowError(first.problem))
    if not isinstance(first.value, dict):
        return located(first, RowError(f"it is {shown(first.value)}, not an object with keys"))
    keys = [str(key) for key in first.value]
    known_keys = sorted(
        {k for f in FORMATS.values() for key in f.keys for k in ([key] if isinstance(key, str) else key)}
    )
    close = next(
        (f"“{key}” for “{c[0]}”" for key in keys if (c := get_close_matches(key, known_keys, 1)) and c[0] != key), ""
    )
    hint = f"Did you write {close}? " if close else ""
    known = "; ".join(f"{f.name}: {f.title}" for f in FORMATS.values())
    return KnownError(
        "unknown_format",
        f"The format of {file} is not known: its first record has the keys {', '.join(keys) or 'none'}.",
        f"{hint}Formats are: {known}.",
        path=file,
        keys=keys,
    )
