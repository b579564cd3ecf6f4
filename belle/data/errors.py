"""Errors of single records, which begin with the file and the line."""

from __future__ import annotations

from belle.data.files import Record
from belle.errors import KnownError


class RowError(ValueError):
    """A record that is not a row.

    Args:
        message: what is wrong, in a few words that follow “FILE, line N: ”.
        advice: what to do.
    """

    def __init__(self, message: str, advice: str = "", **details: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.details = details


def located(record: Record, error: RowError) -> KnownError:
    """`error` as a KnownError that names the file and the line."""
    return KnownError(
        "data_wrong",
        f"{record.path}, {record.unit} {record.number}: {error.message}.",
        error.advice,
        path=record.path,
        number=record.number,
        unit=record.unit,
        problem=error.message,
        **error.details,
    )
