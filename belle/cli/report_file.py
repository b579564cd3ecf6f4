"""The JSON report that a command writes beside the model it makes (`--report FILE`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from belle.durable import write_text
from belle.errors import KnownError
from belle.path_guard import check_output
from belle.texts import json_text


def check_report(path: Path, model: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that the report can be written, before hours of work.

    Args:
        path: of the report.
        model: the file that it is about.
        inputs: files that are read.

    Raises KnownError ("usage", "unwritable", "output_is_input").
    """
    check_output(path, inputs)
    if path.resolve() == model.resolve():
        raise KnownError("usage", f"{path} would be written twice.", "Give the report a name of its own.")
    reason = ""
    if not path.parent.is_dir():
        reason = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        reason = "permission denied"
    if reason:
        raise KnownError(
            "unwritable", f"The report {path} cannot be written: {reason}.", "Give another --report.", path=str(path)
        )


def write_report(path: Path, values: dict[str, Any]) -> None:
    """Write the report. Raises KnownError, which says that the model itself was written."""
    try:
        write_text(path, json_text(values, indent=1) + "\n")
    except KnownError as error:
        raise KnownError(
            error.kind,
            error.message,
            "Only the report is missing: the model itself was written.",
            **error.details,
        ) from error
