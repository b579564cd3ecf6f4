"""`belle data filter`: keeps the records of which a condition holds, with all their columns."""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from belle.cli.terminal import Terminal
from belle.data.condition import parse_condition
from belle.data.errors import RowError, located
from belle.data.files import records
from belle.durable import replace_file
from belle.texts import json_text, utf8

_EVERY = 1000
WriteRecord = Callable[[Mapping[str, Any]], object]


def filter_rows(arguments: argparse.Namespace) -> int:
    """Write the records that hold all conditions. Raises KnownError."""
    conditions = [parse_condition(text) for text in arguments.where]
    terminal = Terminal()
    read = kept = 0
    unseen = {column for condition in conditions for column in condition.columns}
    with ExitStack() as stack:
        write = stack.enter_context(_record_writer(arguments.output))
        reject = stack.enter_context(_record_writer(arguments.rejected)) if arguments.rejected else None
        for record in records(arguments.file):
            if not isinstance(record.value, dict):
                raise located(record, RowError(record.problem or "it is not an object with keys"))
            if read % _EVERY == 0:
                terminal.progress(f"{read:,} rows")
            read += 1
            if unseen:
                unseen &= {column for condition in conditions for column in condition.missing(record.value)}
            if all(condition.holds(record.value) for condition in conditions):
                write(record.value)
                kept += 1
            elif reject is not None:
                reject(record.value)
    terminal.clear()
    never = sorted(".".join(column) for column in unseen)
    for name in never:
        terminal.note(f"No row has the column “{name}”.")
    if arguments.json:
        print(json.dumps({"read": read, "written": kept, "columns_that_no_row_has": never}, ensure_ascii=False))
    else:
        print(f"{arguments.output}: {kept:,} of {read:,} rows")
    return 0


@contextmanager
def _record_writer(path: Path) -> Iterator[WriteRecord]:
    """Writes JSON Lines, compressed for `.gz`; the file gets its name when the block ends without an exception."""
    with replace_file(path) as stream, ExitStack() as stack:
        # Without a time and a name in the header, equal rows give equal files.
        zipped = gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) if path.suffix == ".gz" else None
        target = stack.enter_context(zipped) if zipped is not None else stream
        yield lambda record: target.write(utf8(json_text(record)) + b"\n")
