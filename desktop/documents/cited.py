"""The passages that an answer was made from, as they are stored with it: they outlive the index and the documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

KEY = "documents"
"""Under which the sources of an answer are in its `stats`: `folder`, and `sources`, a list of `CitedPassage.fields`."""


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """A passage that a model was handed, under a number from 1 on; `path` is below the folder."""

    number: int
    path: str
    text: str
    page: int | None = None
    line: int | None = None
    heading: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """What is stored with the answer."""
        return asdict(self)


def stored_sources(stats: Mapping[str, Any]) -> tuple[str, list[CitedPassage]] | None:
    """The folder and the sources of an answer, from what is stored with it; None for an answer without documents.

    What is not as this program writes it, such as in an imported file, is left out.
    """
    stored = stats.get(KEY)
    if not isinstance(stored, Mapping) or not isinstance(stored.get("folder"), str):
        return None
    sources = stored.get("sources")
    found = [_source(fields) for fields in sources] if isinstance(sources, list) else []
    return stored["folder"], [source for source in found if source is not None]


def _source(fields: Any) -> CitedPassage | None:
    if not isinstance(fields, Mapping):
        return None
    number, path, text = fields.get("number"), fields.get("path"), fields.get("text")
    page, line, heading = fields.get("page"), fields.get("line"), fields.get("heading")
    if not isinstance(number, int) or not isinstance(path, str) or not isinstance(text, str):
        return None
    return CitedPassage(
        number,
        path,
        text,
        page if isinstance(page, int) else None,
        line if isinstance(line, int) else None,
        heading if isinstance(heading, str) else "",
    )
