"""Files in other formats: what they are, by their suffix, and how to turn them into data that is read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from belle.errors import KnownError

SUFFIXES = (".json", ".jsonl", ".ndjson", ".txt", ".parquet")
"""The suffixes of the files that are read."""

READ = f"Files ending in {', '.join(SUFFIXES)} are read, also with .gz."

HEAD_OF_TABLE = "it is not JSON, but looks like the head of a table (CSV); make JSON Lines of it"

_TABLES = {".csv": "", ".tsv": r', delimiter="\t"'}
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".zst", ".bz2", ".xz")


def suffix_of(path: Path) -> str:
    """The suffix in lower case, without `.gz`."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def is_foreign(path: Path) -> bool:
    """Whether the file is likely data, in a format that is not read."""
    return suffix_of(path) in (*_TABLES, *_SPREADSHEETS, *_ARCHIVES)


def foreign(path: Path) -> KnownError:
    """The error for a file that is not read, with what it is and what to do: KnownError("unknown_format")."""
    suffix = suffix_of(path)
    if suffix in _TABLES:
        what, advice = f"is a table ({suffix})", _lines_of(path)
    elif suffix in _SPREADSHEETS:
        what, advice = f"is a spreadsheet ({suffix})", f"Save it as CSV first. {_lines_of(path.with_suffix('.csv'))}"
    elif suffix in _ARCHIVES:
        what, advice = f"is an archive ({suffix})", f"Unpack it first. {READ}"
    else:
        what, advice = "has an ending that is not known", READ
    return KnownError("unknown_format", f"{path.name} {what}.", advice, path=str(path))


def is_head_of_table(line: str) -> bool:
    """Whether a line that is not JSON is at least two names, separated by commas, semicolons or tabs."""
    names = re.split("[,;\t]", line)
    return len(names) > 1 and all(re.fullmatch(r'\s*"?[\w .-]+"?\s*', name) for name in names)


def _lines_of(table: Path) -> str:
    """The advice, with a command, for turning a table into JSON Lines."""
    zipped = table.suffix == ".gz"
    table = table.with_suffix("") if zipped else table
    program = (
        "import csv, json; [print(json.dumps(row)) for row in "
        f'csv.DictReader(open(0, encoding="utf-8-sig", newline=""){_TABLES[table.suffix.lower()]})]'
    )
    rows = table.with_suffix(".jsonl")
    return (
        f"{'Unpack it first. ' if zipped else ''}Make JSON Lines of it, with the names of its columns as keys:"
        f" python3 -c '{program}' < {shlex.quote(str(table))} > {shlex.quote(str(rows))}"
    )
