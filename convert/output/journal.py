"""The journal of an unfinished file: which of its bytes are on the disk, so that an interrupted run can be resumed.

`OUT.gguf.part.json` has one JSON line that identifies inputs and output, then one line per finished run of rows with
the checksum of its bytes. A line is added only after those bytes are flushed to the disk, and on resuming each checksum
is compared with the bytes in the file, so a line never stands for data that does not exist.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from belle.documents import parse_json, parse_json_row


class TensorSlice(NamedTuple):
    """A run of rows of one tensor, the unit of work: the tensor's index in the plan, first row, row after the last."""

    tensor: int
    start: int
    stop: int


class Journal:
    """The journal of one output file; used by one thread at a time."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        """`identity` is JSON-serializable, and equal for two runs exactly if they would write the same bytes."""
        self._path = path
        self._identity = parse_json(json.dumps(identity))

    def read(self) -> dict[TensorSlice, int]:
        """Finished slices with their checksums; {} if there is no journal or it is of another conversion."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        records = []
        for line in lines:
            try:
                records.append(parse_json_row(line))
            except ValueError:
                break  # the power failed while this line was written; the lines before it are complete
        if not records or records[0] != self._identity:
            return {}
        return {TensorSlice(tensor, start, stop): checksum for tensor, start, stop, checksum in records[1:]}

    def start(self) -> None:
        """Begin an empty journal, replacing an old one."""
        with self._path.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self._identity) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def append(self, finished: Iterable[tuple[TensorSlice, int]]) -> None:
        """Record slices whose bytes are on the disk."""
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps([*rows, checksum]) + "\n" for rows, checksum in finished)
            file.flush()
            os.fsync(file.fileno())

    def delete(self) -> None:
        """Delete the journal."""
        self._path.unlink(missing_ok=True)
