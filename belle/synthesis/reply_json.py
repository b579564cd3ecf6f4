"""Finds the JSON in a model's reply: alone, in a code block, between sentences, or cut in the middle.

A reply that is read only in part is used as far as it goes; `ReplyObjects.whole` says so, and the rows keep it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from belle.documents import DocumentError, parse_json, parse_json_prefix
from belle.texts import is_whole

LONGEST_REPLY = 200_000
"""Characters that are looked at."""

_MOST_TRIES = 500
"""Braces at which an object may begin. Each try may read up to the end of the reply."""


@dataclass(frozen=True, slots=True)
class ReplyObjects:
    """The objects in a reply.

    Attributes:
        whole: whether the reply is JSON of the form that was asked for, from its beginning to its end.
    """

    objects: tuple[Mapping[str, Any], ...]
    whole: bool


def objects_in(reply: str, name: str) -> ReplyObjects:
    """The objects of the list called `name` in a reply that should be `{name: [{…}, …]}`.

    Also taken are the bare list, one object alone, either of them between other text, and the complete objects of a
    list that is cut.
    """
    text = reply[:LONGEST_REPLY].strip()
    try:
        value = parse_json(text)
    except DocumentError:
        return ReplyObjects(tuple(_complete(text, name)), whole=False)
    listed = _listed(value, name)
    whole = isinstance(value, dict) and listed is value.get(name) and all(isinstance(entry, dict) for entry in listed)
    return ReplyObjects(tuple(entry for entry in listed if isinstance(entry, dict)), whole)


def text_field(entry: Mapping[str, Any], name: str) -> str:
    """The text under `name`, without white space around it; "" where there is something else. A number becomes text."""
    value = entry.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = json.dumps(value)
    return value.strip() if isinstance(value, str) and is_whole(value) else ""


def _listed(value: object, name: str) -> list[Any]:
    if isinstance(value, dict):
        inner = value.get(name)
        return inner if isinstance(inner, list) else [value]
    return value if isinstance(value, list) else []


def _complete(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The objects that begin at a brace and are complete, the outermost first, from left to right."""
    start = text.find("{")
    for _ in range(_MOST_TRIES):
        if start < 0:
            return
        end = start + 1
        try:
            value, end = parse_json_prefix(text, start)
        except (json.JSONDecodeError, DocumentError):
            pass
        else:
            yield from (entry for entry in _listed(value, name) if isinstance(entry, dict))
        start = text.find("{", end)
