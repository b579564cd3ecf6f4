"""What a reader gives: the text of a document in blocks that know where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from belle.errors import KnownError


@dataclass(frozen=True, slots=True)
class DocumentBlock:
    """A paragraph, or another piece of text that belongs together.

    Args:
        text: without line breaks at its ends.
        page: of a PDF, from 1 on; None for a document without fixed pages.
        line: of its first line in a text file, from 1 on; None elsewhere.
        heading: the nearest heading above it; empty where there is none.
    """

    text: str
    page: int | None = None
    line: int | None = None
    heading: str = ""


def unreadable(kind: str, path: Path, what: str, advice: str) -> KnownError:
    """The error for a document that cannot be read; `what` continues the sentence that begins with its name."""
    return KnownError(kind, f"{path.name} {what}.", advice, path=str(path))
