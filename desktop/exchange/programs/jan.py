"""Jan's threads: a folder for each, with `thread.json` and `messages.jsonl`.

A message of a thread that has versions names its parent in `metadata.parentId` (null: a first message) and the child
that is shown in `metadata.activeChildId`; in any other thread the messages follow each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from belle.prompts.thinking import MARKS
from desktop.exchange.fields import items, member, seconds, text
from desktop.exchange.incoming import LeftOut, Node, messages_of
from desktop.store import ConversationTree
from desktop.store.records import Status

_STATUS: dict[str, Status] = {"pending": "interrupted", "error": "error", "stopped": "stopped"}


def is_thread(value: Any) -> bool:
    """Whether a JSON value is a `thread.json`."""
    return isinstance(value, Mapping) and (member(value, "object") == "thread" or "assistants" in value)


def read_conversation(thread: Any, rows: Sequence[Any]) -> tuple[ConversationTree, LeftOut]:
    """The conversation of a `thread.json` and the rows of its `messages.jsonl`, and what is left out of it."""
    left_out: LeftOut = Counter()
    began_at = seconds(member(thread, "created")) or 0.0
    ordered = sorted(rows, key=lambda row: seconds(member(row, "created_at")) or 0.0)
    assistant = member(thread, "assistants", 0)
    system = [text(member(assistant, "instructions"))]
    nodes: list[Node] = []
    for row in ordered:
        nodes.append(_node(row, nodes[-1].id if nodes else None, system, left_out))
    messages, leaf = messages_of(nodes, _current(ordered, nodes), began_at)
    tree = ConversationTree(
        messages=messages,
        title=text(member(thread, "title")) or text(member(thread, "summary")),
        title_is_auto=False,
        system_prompt=next(filter(None, system), ""),
        model=text(member(assistant, "model", "id")) or text(member(thread, "model", "id")),
        created_at=began_at,
        updated_at=seconds(member(thread, "updated")) or max([began_at, *(m.created_at for m in messages)]),
        active_leaf=leaf,
    )
    return tree, left_out


def _node(row: Any, before: str | None, system: list[str], left_out: LeftOut) -> Node:
    """The node of a row; one that names no parent, or is an answer to nothing, follows the message `before` it."""
    parent = member(row, "metadata", "parentId")
    role = member(row, "role")
    is_first = parent is None and "parentId" in (member(row, "metadata") or {}) and role == "user"
    node = Node(text(member(row, "id")), parent if isinstance(parent, str) else None if is_first else before)
    for part in items(member(row, "content")):
        _take_part(node, part, left_out)
    left_out["files"] += len(items(member(row, "attachments")))
    node.thinking, node.text = _told_apart(node.thinking, node.text) if role == "assistant" else ("", node.text)
    if role == "system":
        system.append(node.text)
    elif role in ("user", "assistant") and (node.text.strip() or node.thinking.strip()):
        node.role = role
        node.created_at = seconds(member(row, "created_at"))
        node.model = text(member(row, "metadata", "modelId")) if role == "assistant" else ""
        node.status = _STATUS.get(text(member(row, "status")), "complete")
    elif role == "tool":
        left_out["tools"] += 1
    return node


def _take_part(node: Node, part: Any, left_out: LeftOut) -> None:
    kind = member(part, "type")
    said = text(member(part, "text", "value")) or text(member(part, "text"))
    if kind == "text":
        node.text = "\n\n".join(filter(None, (node.text, said)))
    elif kind == "reasoning":
        node.thinking = "\n\n".join(filter(None, (node.thinking, said)))
    elif kind == "image_url":
        left_out["images"] += 1
    else:
        left_out["tools" if kind == "tool_call" else "other"] += 1


def _told_apart(thinking: str, said: str) -> tuple[str, str]:
    """Thoughts and answer, where an older Jan has both in one text."""
    for marks in MARKS:
        opening, found, rest = said.partition(marks.opening)
        if found and not opening.strip():
            thought, _, answer = rest.partition(marks.closing)
            return "\n\n".join(filter(None, (thinking, thought.strip()))), answer.lstrip()
    return thinking, said


def _current(rows: Sequence[Any], nodes: Sequence[Node]) -> str | None:
    """The end of the path that Jan shows: from the newest first message along the chosen children, else the newest."""
    children: dict[str | None, list[str]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node.id)
    chosen = {text(member(row, "id")): member(row, "metadata", "activeChildId") for row in rows}
    current, seen = None, set[str]()
    while versions := [node_id for node_id in children.get(current, []) if node_id not in seen]:
        wanted = chosen.get(current or "")
        current = wanted if wanted in versions else versions[-1]
        seen.add(current)
    return current
