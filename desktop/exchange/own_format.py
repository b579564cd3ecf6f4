"""Our own format: one JSON object with a version and all conversations, each with every version of every message.

What `ConversationTree` holds is written field by field; a message names its parent and the child last shown by their
places in the list. A later version may add fields, which earlier programs ignore; what they would misread gets a new
`version`, which they refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import belle
from belle.documents import DocumentError
from belle.texts import json_text, utf8
from desktop.exchange.fields import LATEST, items, name_of, number
from desktop.exchange.picture_fields import picture_record, pictures_of
from desktop.store import ConversationTree, ProjectSettings, TreeMessage
from desktop.store.instructions.personas import valid_sampling
from desktop.store.reading import attachments_in
from desktop.store.records import OVERFLOWS, ROLES, STATUSES, StoredStrategy, StoredSummary

FORMAT = "chatbelle-conversations"
VERSION = 1
LIST_KEY = "conversations"

_OBJECTS = ("messages", "summaries", "project", "strategy")
_TREE_FIELDS = tuple(field.name for field in fields(ConversationTree) if field.name not in _OBJECTS)


def own_json(trees: Iterable[ConversationTree]) -> Iterator[bytes]:
    """The pieces of a file with these conversations, one line for each."""
    header = {"format": FORMAT, "version": VERSION, "program": f"ChatBELLE {belle.__version__}"}
    yield utf8(f'{json_text(header)[:-1]}, "{LIST_KEY}": [')
    for index, tree in enumerate(trees):
        yield utf8(("," if index else "") + "\n" + json_text(record(tree)))
    yield b"\n]}\n"


def record(tree: ConversationTree) -> dict[str, Any]:
    """A conversation as a JSON object."""
    return {
        **{name: getattr(tree, name) for name in _TREE_FIELDS},
        "messages": [_message_record(message) for message in tree.messages],
        "summaries": [{"covers": s.covers, "text": s.text, "created_at": s.created_at} for s in tree.summaries],
        "project": _project_record(tree.project),
        "strategy": tree.strategy.fields,
    }


def _message_record(message: TreeMessage) -> dict[str, Any]:
    return asdict(replace(message, pictures=())) | {"pictures": [picture_record(p) for p in message.pictures]}


def lost_pictures(value: Any, tree: ConversationTree) -> int:
    """How many pictures a record has that its conversation does not, because they are damaged."""
    n_written = sum(len(items(message.get("pictures"))) for message in value["messages"])
    return n_written - sum(len(message.pictures) for message in tree.messages)


def _project_record(project: ProjectSettings | None) -> dict[str, Any] | None:
    """A project without its folder, which is of one computer."""
    if project is None:
        return None
    return {
        "name": project.name,
        "system_prompt": project.system_prompt,
        "model": project.model,
        "sampling": dict(project.sampling),
        "uses_facts": project.uses_facts,
    }


def is_own(header: Mapping[str, Any]) -> bool:
    """Whether a file that begins so is of this format, of whatever version."""
    return header.get("format") == FORMAT


def read_record(value: Any) -> ConversationTree:
    """The conversation of a JSON object as `record` makes it. Raises DocumentError for anything else."""
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        raise DocumentError("has a conversation without its messages")
    messages = value["messages"]
    read = _Fields(value, len(messages))
    return ConversationTree(
        messages=tuple(_message(message, place, messages) for place, message in enumerate(messages)),
        title=read.text("title"),
        title_is_auto=read.truth("title_is_auto"),
        system_prompt=read.text("system_prompt"),
        model=read.text("model"),
        pinned=read.truth("pinned"),
        created_at=read.time("created_at"),
        updated_at=read.time("updated_at"),
        active_leaf=read.place("active_leaf"),
        overflow=read.one_of("overflow", OVERFLOWS),
        left_out=read.places("left_out"),
        summaries=tuple(_summary(summary, len(messages)) for summary in items(value.get("summaries"))),
        own_model=read.text("own_model"),
        sampling=valid_sampling(value.get("sampling")),
        uses_facts=read.truth_or_none("uses_facts"),
        project=_project(value.get("project")),
        strategy=_strategy(value.get("strategy")),
    )


def _strategy(value: Any) -> StoredStrategy:
    if value is None:
        return StoredStrategy()
    if not isinstance(value, dict):
        raise DocumentError("has a strategy that is not a JSON object")
    return StoredStrategy.from_fields(value)


def _project(value: Any) -> ProjectSettings | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise DocumentError("has a project that is not a JSON object")
    read = _Fields(value, 0)
    name = name_of(read.text("name"))
    if not name:
        return None
    sampling = valid_sampling(value.get("sampling"))
    uses_facts = read.truth_or_none("uses_facts")
    return ProjectSettings(name, read.text("system_prompt"), read.text("model"), "", sampling, uses_facts)


def _summary(value: Any, n_messages: int) -> StoredSummary:
    if not isinstance(value, dict):
        raise DocumentError("has a summary that is not a JSON object")
    read = _Fields(value, n_messages)
    covers = read.places("covers")
    if not covers:
        raise DocumentError("has a summary of no messages")
    return StoredSummary(covers[-1], covers, read.text("text"), read.time("created_at"))


def _message(value: Any, place: int, messages: list[Any]) -> TreeMessage:
    if not isinstance(value, dict):
        raise DocumentError("has a message that is not a JSON object")
    read = _Fields(value, len(messages))
    parent, child = read.place("parent"), read.place("active_child")
    if parent is not None and parent >= place:
        raise DocumentError("has a message whose parent does not stand before it")
    if child is not None and (not isinstance(messages[child], dict) or messages[child].get("parent") != place):
        raise DocumentError("has a message that shows another one's version")
    stats = value.get("stats", {})
    return TreeMessage(
        parent=parent,
        role=read.one_of("role", ROLES),
        text=read.text("text"),
        status=read.one_of("status", STATUSES),
        created_at=read.time("created_at"),
        model=read.text("model"),
        stats=stats if isinstance(stats, dict) else {},
        thinking=read.text("thinking"),
        thinking_seconds=number(value.get("thinking_seconds")),
        active_child=child,
        pinned=read.truth("pinned"),
        attachments=attachments_in(value.get("attachments")),
        pictures=pictures_of(value.get("pictures")),
    )


class _Fields:
    """Reads the fields of one object; one that is missing is empty, one of another kind damages the file."""

    def __init__(self, value: Mapping[str, Any], n_messages: int) -> None:
        self._value, self._n_messages = value, n_messages

    def text(self, name: str) -> str:
        return str(self._of(name, str, ""))

    def truth(self, name: str) -> bool:
        return bool(self._of(name, bool, False))

    def truth_or_none(self, name: str) -> bool | None:
        return None if self._value.get(name) is None else self.truth(name)

    def time(self, name: str) -> float:
        found = number(self._value.get(name, 0.0))
        if found is None or not 0 <= found < LATEST:
            raise DocumentError(f"has a conversation whose “{name}” is not a time")
        return found

    def one_of(self, name: str, known: tuple[Any, ...]) -> Any:
        found = self._value.get(name, known[0])
        if found not in known:
            raise DocumentError(f"has a conversation whose “{name}” is none of {', '.join(known)}")
        return found

    def place(self, name: str) -> int | None:
        place = self._value.get(name)
        return None if place is None else self._checked(name, place)

    def places(self, name: str) -> tuple[int, ...]:
        places = items(self._value.get(name))
        return tuple(sorted({self._checked(name, place) for place in places}))

    def _checked(self, name: str, place: Any) -> int:
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < self._n_messages:
            raise DocumentError(f"has a conversation whose “{name}” is not one of its messages")
        return place

    def _of(self, name: str, kind: type, otherwise: Any) -> Any:
        found = self._value.get(name, otherwise)
        if not isinstance(found, kind):
            raise DocumentError(f"has a conversation whose “{name}” is of the wrong kind")
        return found
