"""The record of everything that touched the network: JSON Lines in the state folder, at most about a megabyte.

A row says what was begun, before it begins, so that a process that is killed has left its trace; later rows count its
bytes and say that it ended. Old rows are folded into one per use, so “when last” and “how many bytes” stay true.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from belle import durable, paths
from belle.documents import DocumentError, parse_json_row
from belle.errors import KnownError
from belle.texts import utf8

LARGEST_RECORD = 1 << 20
"""Bytes; a larger file is folded."""

_ROWS_KEPT = 1000
_LONGEST_TEXT = 300  # characters of a name or address
_numbers = count()


@dataclass(frozen=True, slots=True)
class Activity:
    """What the record says of one use.

    Attributes:
        last: when it last touched the network, in seconds since 1970; None for never.
        what: the file, repository, service or address of that last time.
        address: where that was.
        times: how often it was begun.
        n_bytes: received or sent in all, where they are counted.
        refused: how often it was refused.
        is_open: whether a running process is at it now.
    """

    last: float | None = None
    what: str = ""
    address: str = ""
    times: int = 0
    n_bytes: int = 0
    refused: int = 0
    is_open: bool = False


def new_id() -> str:
    """The id that joins the rows of one connection: the process, and a number."""
    return f"{os.getpid()}-{next(_numbers)}"


def append(event: str, use: str, **fields: Any) -> None:
    """Append a row to the record.

    A record that cannot be written (`is_writable`) hinders nothing: a server has its use on a read-only home, too.

    Args:
        event: `begin`, `bytes`, `end` or `refused`.
        use: a name of `belle.network.USES`.
        fields: `id`, `what`, `address`, `bytes`.
    """
    row = {"time": round(time.time(), 3), "event": event, "use": use, **fields}
    line = utf8(json.dumps({key: _short(value) for key, value in row.items()}, ensure_ascii=False)) + b"\n"
    path = paths.network_record_file()
    with suppress(OSError, KnownError), _locked(path):
        with path.open("ab") as file:
            if file.tell() and not _ends_with_a_line(path):
                file.write(b"\n")  # the half of a line that a killed process has left
            file.write(line)
            size = file.tell()
        if size > LARGEST_RECORD:
            _fold(path)


def is_writable() -> bool:
    """Whether a row can be appended to the record."""
    path = paths.network_record_file()
    if path.exists():
        return os.access(path, os.W_OK)
    folder = durable.nearest_existing(path.parent)
    return folder.is_dir() and os.access(folder, os.W_OK)


def read_activity() -> dict[str, Activity]:
    """What the record says, by the name of the use. Rows that cannot be read are left out."""
    activity: dict[str, Activity] = {}
    still_open: dict[str, str] = {}
    for row in _rows(paths.network_record_file()):
        use, event = row["use"], row["event"]
        activity[use] = _counted(activity.get(use, Activity()), row)
        if event == "begin":
            still_open[str(row.get("id"))] = use
        elif event == "end":
            still_open.pop(str(row.get("id")), None)
    for identity, use in still_open.items():
        if _is_running(identity):
            activity[use] = replace(activity[use], is_open=True)
    return activity


def _counted(so_far: Activity, row: Mapping[str, Any]) -> Activity:
    """`so_far` with a row."""
    event = row["event"]
    if event == "refused":
        return replace(so_far, refused=so_far.refused + 1)
    n_bytes = so_far.n_bytes + _whole(row.get("bytes"))
    last = max(so_far.last or 0.0, row["time"])
    if event == "earlier":
        refused = so_far.refused + _whole(row.get("refused"))
        times = so_far.times + _whole(row.get("times"))
        if not times:
            return replace(so_far, refused=refused)
        return Activity(last, row.get("what", ""), row.get("address", ""), times, n_bytes, refused)
    if event == "begin":
        named = {"what": row.get("what", ""), "address": row.get("address", "")}
        return replace(so_far, last=last, times=so_far.times + 1, n_bytes=n_bytes, **named)
    return replace(so_far, last=last, n_bytes=n_bytes)


def _fold(path: Path) -> None:
    """Replace the older rows by one for each use; the beginnings of what still runs stay."""
    rows = list(_rows(path))
    older, newer = rows[:-_ROWS_KEPT], rows[-_ROWS_KEPT:]
    ended = {row.get("id") for row in rows if row["event"] == "end"}
    still_open = [
        row
        for row in older
        if row["event"] == "begin" and row.get("id") not in ended and _is_running(str(row.get("id")))
    ]
    sums: dict[str, Activity] = {}
    for row in older:
        if row not in still_open:
            sums[row["use"]] = _counted(sums.get(row["use"], Activity()), row)
    lines = [json.dumps(row, ensure_ascii=False) for row in (*map(_earlier, sums, sums.values()), *still_open, *newer)]
    durable.write_text(path, "".join(f"{line}\n" for line in lines))


def _earlier(use: str, activity: Activity) -> dict[str, Any]:
    return {
        "time": activity.last or 0.0,
        "event": "earlier",
        "use": use,
        "what": activity.what,
        "address": activity.address,
        "times": activity.times,
        "bytes": activity.n_bytes,
        "refused": activity.refused,
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines: Iterable[bytes] = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(DocumentError):
            row = parse_json_row(line)
            if isinstance(row, dict) and _is_row(row):
                yield row


def _is_row(row: Mapping[str, Any]) -> bool:
    texts = all(isinstance(row.get(key), str) for key in ("use", "event"))
    named = all(isinstance(row.get(key, ""), str) for key in ("what", "address"))
    return texts and named and isinstance(row.get("time"), (int, float))


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _short(value: Any) -> Any:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value


def _is_running(identity: str) -> bool:
    """Whether the process of an id still runs."""
    number = identity.partition("-")[0]
    if not number.isdigit() or int(number) == 0:
        return False
    try:
        os.kill(int(number), 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time: a row that is appended while the file is folded would be lost."""
    paths.private_folder(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
