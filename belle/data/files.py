"""From files to records: JSON Lines, JSON arrays, plain text, Parquet, folders and the hub, one record at a time.

JSON and text are read here and not by `datasets`, which guesses one schema from the first block, fails on rows that
differ from it, and then names neither file nor line. Parquet and folders written by `save_to_disk` are read with
`datasets`, streaming or from a memory-mapped file. Either way only a few records are in memory. Data on a hub is
downloaded first (`belle.clients.copies`), as models are.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, TextIO, cast

from belle.clients.copies import is_hub_name, local_copy
from belle.data.foreign import HEAD_OF_TABLE, READ, SUFFIXES, foreign, is_foreign, is_head_of_table, suffix_of
from belle.data.json_array import LONGEST_VALUE, WRAPPERS, ArrayError, array_elements, json_values, wrapped
from belle.documents import DocumentError, parse_json_prefix, parse_json_row
from belle.errors import KnownError
from belle.path_guard import check_input, exists
from belle.streams import to_stderr
from belle.texts import LONGEST_TEXT

_HEAD_BYTES = 1 << 16
"""Bytes at the beginning of a file from which encoding and form are detected."""

# The longer marks first: that of UTF-32 begins like that of UTF-16.
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# The first bytes of compressed files.
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
# White space around a record: that of JSON, and what editors and concatenated files leave there.
_SPACE = " \t\r\n\u00a0\u3000\ufeff"
_WRAPPED = re.compile(rf'\{{\s*"(?:{"|".join(WRAPPERS)})"\s*:\s*\[\s*\{{')


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Args:
        path: the file, or the name on the hub.
        number: the line on which it begins, or, in files without lines, the number of the record; from 1 on.
        unit: what `number` counts: `line` or `row`.
        value: its JSON value; None when it cannot be read.
        problem: why it cannot be read.
    """

    path: str
    number: int
    unit: str
    value: Any
    problem: str = ""


def records(path: Path | str) -> Iterator[Record]:
    """Every record of a file, of the files in a folder (sorted by name), or of a dataset on the hub.

    Supported are `.json` and `.jsonl` (JSON Lines, one array, or values one after the other), `.txt` (one document),
    each also as `.gz`; `.parquet`; folders of these; folders written by `datasets`; and
    `hub:OWNER/NAME[/FILE][@REVISION]`.

    JSON and text may be UTF-8 or UTF-16, with a byte-order mark or without.

    Raises KnownError: `file_missing`, `file_empty`, `unknown_format`, `file_damaged`. A record that is not valid JSON
    is yielded with its problem.
    """
    if is_hub_name(path):
        path = local_copy(path, "data", say=to_stderr)
    local = _local_records(Path(path))
    first = next(local, None)
    if first is None:
        raise _empty(Path(path))
    yield first
    yield from local


def count_lines(path: Path | str) -> int | None:
    """The number of records of a file with one on each line; None for any other form, and where it is not known."""
    file = Path(path)
    if is_hub_name(path) or not file.is_file() or suffix_of(file) not in (".json", ".jsonl") or file.suffix == ".gz":
        return None
    try:
        head = _head(file)
        encoding = _encoding(head)
        if encoding != "utf-8-sig" or _shape(head.decode(encoding, "ignore")) != "lines":
            return None
        with file.open("rb") as stream:
            return sum(block.count(b"\n") for block in iter(partial(stream.read, 1 << 20), b""))
    except OSError:
        return None


def _local_records(path: Path) -> Iterator[Record]:
    if not path.is_dir():
        yield from _from_file(path)
    elif (path / "dataset_info.json").exists() or (path / "dataset_dict.json").exists():
        yield from _from_arrow(path)
    else:
        for file in files_in(path):
            yield from _from_file(file)


def _empty(path: Path) -> KnownError:
    what = "holds no records" if path.is_dir() or path.stat().st_size else "is empty (0 bytes)"
    return KnownError(
        "file_empty", f"{path} {what}.", "Check that it was written completely, or get it again.", path=str(path)
    )


def files_in(folder: Path) -> list[Path]:
    """The data files in a folder and the folders in it. Raises KnownError("file_missing") when there are none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    data = [path for path in files if suffix_of(path) in SUFFIXES]
    if not data:
        near = next((foreign(path) for path in files if is_foreign(path)), None)
        raise KnownError(
            "file_missing",
            f"{folder} holds no data files{f': {near.message}' if near else '.'}",
            near.advice if near else READ,
            path=str(folder),
        )
    return data


def _from_file(path: Path) -> Iterator[Record]:
    suffix = suffix_of(path)
    if not exists(path):
        raise KnownError("file_missing", f"There is no file {path}.", path=str(path))
    check_input(path, folder=False)
    if suffix not in SUFFIXES:
        raise foreign(path)
    if suffix == ".parquet":
        yield from _from_parquet(path)
        return
    try:
        head = _head(path)
        encoding = _encoding(head)
        with _open(path) as stream:
            if suffix == ".txt":
                yield from _from_text(stream, str(path), encoding)
            elif (shape := _shape(head.decode(encoding, "ignore"))) == "lines":
                yield from _from_lines(_lines(stream, encoding), str(path))
            else:
                values = array_elements if shape == "array" else json_values
                yield from _from_values(values, stream, str(path), encoding)
    except UnicodeDecodeError as error:
        what = "UTF-8" if error.encoding.startswith("utf-8") else error.encoding.upper()
        raise _damaged(path, f"it is not {what} (byte {error.start}){_other_encoding(error.object)}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _head(path: Path) -> bytes:
    with _open(path) as stream:
        return stream.read(_HEAD_BYTES)


def _encoding(head: bytes) -> str:
    """The encoding of a text: by its byte-order mark, else UTF-16 if every other byte is zero, else UTF-8."""
    for mark, name in _BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    if len(head) > 1 and (head[0] == 0) != (head[1] == 0) and head.count(0) > len(head) // 4:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def _shape(head: str) -> Literal["array", "values", "lines"]:
    """The form of a file that begins with `head`: one array, values over several lines, or one value on each line."""
    text = head.lstrip(_SPACE)
    if text.startswith("["):
        return "array"
    if _WRAPPED.match(text):
        return "values"
    if text.startswith("{") and "\n" not in text and "\r" in text:
        # Lines that end in a carriage return alone: to JSON it is white space between values.
        return "values"
    line, line_feed, _ = text.partition("\n")
    if not text.startswith("{") or not (line_feed or len(head) < _HEAD_BYTES):
        return "lines"
    line = line.rstrip(_SPACE)
    try:
        parse_json_prefix(line, 0)
    except json.JSONDecodeError as error:
        # An error at the end of the line: the value continues in the next one.
        return "values" if error.pos >= len(line) else "lines"
    except DocumentError:
        pass
    return "lines"


def _lines(stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    """The lines of a text as UTF-8, cut above the longest allowed: a line of a compressed file may fill the memory."""
    if encoding == "utf-8-sig":
        return iter(partial(stream.readline, LONGEST_VALUE + 1), b"")
    return _lines_as_utf8(stream, encoding)


def _lines_as_utf8(stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    with io.TextIOWrapper(stream, encoding=encoding, newline="\n") as reader:
        while text := reader.readline(LONGEST_VALUE + 1):
            yield text.encode("utf-8", "surrogatepass")


def _from_text(stream: IO[bytes], path: str, encoding: str) -> Iterator[Record]:
    data = stream.read(LONGEST_TEXT + 1)
    if len(data) > LONGEST_TEXT:
        raise _damaged(Path(path), f"it is longer than {LONGEST_TEXT:,} bytes")
    text = data.decode(encoding).replace("\r\n", "\n")
    if text.strip():
        yield Record(path, 1, "line", {"text": text})


def _from_lines(lines: Iterator[bytes], path: str) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST_VALUE:
            raise _damaged(Path(path), f"line {number} is longer than {LONGEST_VALUE:,} bytes")
        try:
            text = line.decode("utf-8").strip(_SPACE)
        except UnicodeDecodeError as error:
            problem = f"it is not UTF-8 (byte {error.start + 1} of the line){_other_encoding(line)}"
            yield Record(path, number, "line", None, problem)
            continue
        if not text:
            continue
        try:
            value = parse_json_row(text)
        except DocumentError as error:
            problem = HEAD_OF_TABLE if number == 1 and is_head_of_table(text) else _problem(text, error)
            yield Record(path, number, "line", None, problem)
            continue
        inside = wrapped(value)
        if inside is None:
            yield Record(path, number, "line", value)
        else:
            yield from (Record(path, number, "line", part) for part in inside)


def _problem(text: str, error: DocumentError) -> str:
    """What is wrong with a line that is not valid JSON."""
    if "\r" in text:
        return "its lines end in carriage returns alone (CR), of which “tr '\\r' '\\n'” makes line feeds"
    if "\u00a0" in text:
        with contextlib.suppress(DocumentError):
            parse_json_row(text.replace("\u00a0", " "))
            return "it has a no-break space (U+00A0) where JSON allows only ordinary ones"
    return f"it {error.message}"


def _other_encoding(data: bytes) -> str:
    """A hint for bytes that are not UTF-8."""
    compression = next((name for mark, name in _COMPRESSED.items() if data.startswith(mark)), None)
    if compression:
        return f"; it is compressed with {compression}, so unpack it first"
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return "; it may be GB18030, which “iconv -f GB18030 -t UTF-8” converts"


def _from_values(
    values: Callable[[TextIO], Iterator[tuple[int, Any]]], stream: IO[bytes], path: str, encoding: str
) -> Iterator[Record]:
    with io.TextIOWrapper(stream, encoding=encoding) as reader:
        try:
            for line, value in values(reader):
                yield Record(path, line, "line", value)
        except ArrayError as error:
            yield Record(path, error.line, "line", None, error.message)


def _from_parquet(path: Path) -> Iterator[Record]:
    from datasets import config, load_dataset
    from datasets.exceptions import DatasetGenerationError

    # `datasets` would report to its maker that a file was loaded, wherever the file is.
    config.HF_UPDATE_DOWNLOAD_COUNTS = False
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


def _damaged(path: Path, reason: str) -> KnownError:
    return KnownError("file_damaged", f"{path} cannot be read: {reason}.", "Get the file again.", path=str(path))
