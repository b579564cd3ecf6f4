"""The folder of crash reports: JSON files, few and small, the oldest removed first."""

from __future__ import annotations

import contextlib
import json
import math
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import Any, Literal, get_args

import belle
from belle import durable, paths
from belle.documents import DocumentError, parse_json
from belle.errors import KnownError

MOST_REPORTS = 20
"""Files; a further one replaces the oldest."""

LARGEST_REPORT = 1 << 15
"""Bytes; a larger file is not a report."""

VERSION = 1

Kind = Literal["exception", "signal", "engine"]

_NEW = ".new.json"  # until the person has been told
_numbers = count()


@dataclass(frozen=True, slots=True)
class CrashReport:
    """What happened, without anything private.

    Args:
        kind: an exception nobody caught, a signal that ended the window, or the death of the model's process.
        what: the type of the exception, the name of the signal, or the kind of death (`belle.engine.process.faults`).
        at: when, in seconds since 1970.
        frames: where, the innermost last, see `frames`.
        details: further facts, such as the name of the thread.
        versions: of the program and what it runs on.
    """

    kind: Kind
    what: str
    at: float
    frames: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


class CrashReports:
    """Reads and writes the reports of a folder. Where it cannot be written, there are none."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.crashes_dir()

    def add(self, report: CrashReport) -> None:
        """Write a report, and remove the oldest if there are too many."""
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(report.at))
        name = f"{moment}-{time.time_ns() % 10**9:09}-{next(_numbers) % 1000:03}{_NEW}"
        text = json.dumps({"version": VERSION} | asdict(report), ensure_ascii=False, indent=1)
        with contextlib.suppress(OSError, KnownError):
            paths.private_folder(self.folder)
            durable.write_text(self.folder / name, text, several_writers=True)
            for path in self._files()[MOST_REPORTS:]:
                path.unlink(missing_ok=True)

    def all(self) -> list[CrashReport]:
        """Every report that can be read, the newest first."""
        return list(self._read())

    def announce(self) -> int:
        """The number of reports that the person has not been told of; from now on they have been."""
        new = [path for path in self._files() if path.name.endswith(_NEW)]
        for path in new:
            with contextlib.suppress(OSError):
                path.rename(path.with_name(path.name.removesuffix(_NEW) + ".json"))
        return len(new)

    def delete(self) -> None:
        """Delete every report."""
        for path in self._files():
            with contextlib.suppress(OSError):
                path.unlink()

    def _files(self) -> list[Path]:
        """The newest first."""
        try:
            return sorted(self.folder.glob("[0-9]*.json"), reverse=True)
        except OSError:
            return []

    def _read(self) -> Iterator[CrashReport]:
        for path in self._files():
            with contextlib.suppress(OSError, DocumentError, KeyError, TypeError, ValueError):
                if path.stat().st_size <= LARGEST_REPORT:
                    yield _report(parse_json(path.read_bytes()))


def as_text(reports: list[CrashReport]) -> str:
    """The reports for a bug report, as JSON."""
    return json.dumps([asdict(report) for report in reports], ensure_ascii=False, indent=1)


def versions() -> dict[str, str]:
    """Of the program, of Python, of the libraries with native code, and the kind of machine."""
    found = {"chatbelle": belle.__version__, "python": platform.python_version()}
    for package in ("PySide6-Essentials", "llama-cpp-python"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found | {"system": f"{sys.platform} {platform.machine()}"}


def _report(values: Any) -> CrashReport:
    """Raises KeyError, TypeError or ValueError where `values` are not a report."""
    if values["version"] != VERSION or values["kind"] not in get_args(Kind) or not math.isfinite(values["at"]):
        raise ValueError("not a report of this version")
    return CrashReport(
        kind=values["kind"],
        what=str(values["what"]),
        at=float(values["at"]),
        frames=tuple(map(str, values["frames"])),
        details=_facts(values["details"]),
        versions=_facts(values["versions"]),
    )


def _facts(values: Any) -> dict[str, str]:
    if not isinstance(values, dict):
        raise TypeError("facts have names")
    return {str(name): str(value) for name, value in values.items()}
