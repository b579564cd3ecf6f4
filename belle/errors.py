"""Known errors: what goes wrong outside of the program, with a message for the person who has to act.

Every other exception is a bug and may show a traceback. A known error has a `kind` (stable, for programs and for the
window's translations), the facts (`details`), one sentence that says what happened and one that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class KnownError(Exception):
    """An error that a person can act on. Never shown with a traceback.

    Args:
        kind: stable identifier in snake_case, such as `truncated` or `too_big_for_memory`.
        message: one English sentence that names the file, tensor or number concerned.
        advice: what to do next; may be empty.
        details: the facts of the sentence by name (paths as `str`, sizes in bytes), JSON-serializable.
    """

    def __init__(self, kind: str, message: str, advice: str = "", **details: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.advice = advice
        self.details: Mapping[str, Any] = details

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()

    @property
    def fields(self) -> dict[str, Any]:
        """The error as JSON values: for another process, which restores it with `from_fields`."""
        return {"kind": self.kind, "message": self.message, "advice": self.advice, "details": dict(self.details)}

    @staticmethod
    def from_fields(fields: Mapping[str, Any]) -> KnownError:
        """The error whose `fields` these are. Raises KeyError if one is missing."""
        return KnownError(fields["kind"], fields["message"], fields["advice"], **fields["details"])
