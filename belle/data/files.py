"""From files to records: JSON Lines, JSON arrays, plain text, Parquet, folders and the hub, one record at a time.

JSON and text are read by the readers here: `datasets` guesses one schema from the first block, fails on rows that
differ from it, and then names neither file nor line. Parquet, folders written by `save_to_disk` and the hub are what
`datasets` reads well, streaming or from a memory-mapped file. Either way no more than a few records is in memory.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from belle.data.json_array import ArrayError, array_elements
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError

HUB = "hub:"
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".txt", ".parquet")


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Args:
        path: the file, or the name on the hub.
        number: the line on which it begins, or, where there are no lines, which record it is; from 1 on.
        unit: what `number` counts: `line` or `row`.
        value: what it says; None when it cannot be read.
        problem: why it cannot be read.
    """

    path: str
    number: int
    unit: str
    value: Any
    problem: str = ""


def records(path: Path | str) -> Iterator[Record]:
    """Every record of a file, of the files in a folder (sorted by name), or of a dataset on the hub.

    Understood are `.json` and `.jsonl` (JSON Lines, one array, or values one after the other), `.txt` (one document),
    each also as `.gz`; `.parquet`; folders of these; folders written by `datasets`; and `hub:OWNER/NAME`.

    Raises KnownError: `file_missing`, `unknown_format`, `file_damaged`. A record that is no JSON is yielded with its
    problem.
    """
    if str(path).startswith(HUB):
        yield from _from_hub(str(path).removeprefix(HUB))
        return
    path = Path(path)
    if path.is_dir():
        if (path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists():
            yield from _from_arrow(path)
            return
        for file in files_in(path):
            yield from _from_file(file)
        return
    yield from _from_file(path)


def files_in(folder: Path) -> list[Path]:
    """The data files in a folder and the folders in it. Raises KnownError("file_missing") when there are none."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and _suffix(p) in _SUFFIXES)
    if not found:
        raise KnownError(
            "file_missing",
            f"{folder} holds no data files.",
            f"Files ending in {', '.join(_SUFFIXES)} are read, also with .gz.",
            path=str(folder),
        )
    return found


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def _from_file(path: Path) -> Iterator[Record]:
    suffix = _suffix(path)
    if not path.exists():
        raise KnownError("file_missing", f"There is no file {path}.", path=str(path))
    if suffix not in _SUFFIXES:
        raise KnownError(
            "unknown_format",
            f"{path.name} has an ending that is not known.",
            f"Files ending in {', '.join(_SUFFIXES)} are read, also with .gz.",
            path=str(path),
        )
    if suffix == ".parquet":
        yield from _from_parquet(path)
        return
    try:
        with _open(path) as stream:
            if suffix == ".txt":
                yield Record(str(path), 1, "line", {"text": stream.read().decode("utf-8")})
            elif _first_character(path) == b"[":
                yield from _from_array(stream, str(path))
            else:
                yield from _from_lines(stream, str(path))
    except UnicodeDecodeError as error:
        raise _damaged(path, f"it is not UTF-8 (byte {error.start})") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _first_character(path: Path) -> bytes:
    with _open(path) as stream:
        return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def _from_lines(stream: IO[bytes], path: str) -> Iterator[Record]:
    for number, line in enumerate(stream, start=1):
        text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if not text:
            continue
        try:
            value = parse_json_row(text)
        except DocumentError as error:
            yield Record(path, number, "line", None, f"it {error.message}")
        else:
            yield Record(path, number, "line", value)


def _from_array(stream: IO[bytes], path: str) -> Iterator[Record]:
    with io.TextIOWrapper(stream, encoding="utf-8-sig") as reader:
        try:
            for line, value in array_elements(reader):
                yield Record(path, line, "line", value)
        except ArrayError as error:
            yield Record(path, error.line, "line", None, error.message)


def _from_parquet(path: Path) -> Iterator[Record]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    try:
        rows = load_dataset("parquet", data_files=[str(path)], split="train", streaming=True)
        for number, value in enumerate(rows, start=1):
            yield Record(str(path), number, "row", value)
    except (OSError, ValueError, DatasetGenerationError) as error:
        raise _damaged(path, str(error)) from error


def _from_arrow(folder: Path) -> Iterator[Record]:
    from datasets import DatasetDict, load_from_disk

    loaded = load_from_disk(str(folder))
    if isinstance(loaded, DatasetDict):
        names = ", ".join(loaded)
        raise KnownError(
            "unknown_format",
            f"{folder} holds several splits ({names}).",
            f"Name one of them: {folder / next(iter(loaded), 'train')}.",
            path=str(folder),
        )
    for number, value in enumerate(loaded, start=1):
        yield Record(str(folder), number, "row", value)


def _from_hub(name: str) -> Iterator[Record]:
    from datasets import load_dataset

    try:
        rows = load_dataset(name, split="train", streaming=True)
    except (OSError, ValueError) as error:
        raise KnownError(
            "file_missing",
            f"The dataset {name} cannot be read from the hub: {str(error).splitlines()[0]}",
            "Check the name and the connection, or download its files and name them instead.",
            path=name,
        ) from error
    for number, value in enumerate(rows, start=1):
        yield Record(name, number, "row", value)


def _damaged(path: Path, reason: str) -> KnownError:
    return KnownError("file_damaged", f"{path} cannot be read: {reason}.", "Get the file again.", path=str(path))
