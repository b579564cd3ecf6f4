"""Open WebUI's export of chats: a JSON array of chats, each with a `chat` object; older ones are that object alone.

`history.messages` holds the messages by id, with `parentId` and `childrenIds`; `history.currentId` is the end of the
path that is shown. Thoughts and calls of tools stand in an answer's text, in `<details type="…">`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from desktop.exchange.fields import items, member, seconds, text
from desktop.exchange.incoming import LeftOut, Node, in_version_order, messages_of
from desktop.store import ConversationTree
from desktop.store.records import Status

_DETAILS = re.compile(r'<details type="([a-z_]+)"([^>]*)>(.*?)</details>\s*', re.DOTALL)
_SUMMARY = re.compile(r"<summary>.*?</summary>", re.DOTALL)
_DURATION = re.compile(r'duration="(\d+(?:\.\d+)?)"')


def is_chat(value: Any) -> bool:
    """Whether a JSON value is one of Open WebUI's chats."""
    return isinstance(member(_chat(value), "history", "messages"), Mapping)


def _chat(value: Any) -> Any:
    inner = member(value, "chat")
    return inner if isinstance(inner, Mapping) else value


def read_conversation(value: Any) -> tuple[ConversationTree, LeftOut]:
    """A chat of an export, and what is left out of it."""
    left_out: LeftOut = Counter()
    chat = _chat(value)
    began_at = seconds(member(value, "created_at")) or seconds(member(chat, "timestamp")) or 0.0
    history = member(chat, "history")
    system = [text(member(chat, "params", "system")) or text(member(chat, "system"))]
    nodes = [_node(key, entry, system, left_out) for key, entry in in_version_order(history["messages"], "childrenIds")]
    messages, leaf = messages_of(nodes, text(member(history, "currentId")) or None, began_at)
    tree = ConversationTree(
        messages=messages,
        title=text(member(value, "title")) or text(member(chat, "title")),
        title_is_auto=False,
        system_prompt=next(filter(None, system), ""),
        model=text(member(chat, "models", 0)),
        pinned=member(value, "pinned") is True,
        created_at=began_at,
        updated_at=seconds(member(value, "updated_at")) or max([began_at, *(m.created_at for m in messages)]),
        active_leaf=leaf,
    )
    return tree, left_out


def _node(key: str, entry: Any, system: list[str], left_out: LeftOut) -> Node:
    node = Node(key, text(member(entry, "parentId")) or None)
    role = member(entry, "role")
    node.text = _text(member(entry, "content"), left_out)
    for file in items(member(entry, "files")):
        left_out["images" if member(file, "type") == "image" else "files"] += 1
    if role == "assistant":
        _take_details(node, left_out)
    if role == "system":
        system.append(node.text)
    elif role in ("user", "assistant") and (node.text.strip() or node.thinking.strip()):
        node.role = role
        node.created_at = seconds(member(entry, "timestamp"))
        node.model = text(member(entry, "model")) if role == "assistant" else ""
        node.status = _status(entry) if role == "assistant" else "complete"
    return node


def _text(content: Any, left_out: LeftOut) -> str:
    if not isinstance(content, list):
        return text(content)
    left_out["images"] += sum(member(part, "type") == "image_url" for part in content)
    return "\n".join(filter(None, (text(member(part, "text")) for part in content)))


def _take_details(node: Node, left_out: LeftOut) -> None:
    """Move thoughts out of the text, and leave out the calls of tools."""
    thoughts: list[str] = []

    def take(found: re.Match[str]) -> str:
        if found[1] == "reasoning":
            inside = html.unescape(_SUMMARY.sub("", found[3])).strip()
            thoughts.append("\n".join(line.removeprefix(">").removeprefix(" ") for line in inside.splitlines()))
            if duration := _DURATION.search(found[2]):
                node.thinking_seconds = (node.thinking_seconds or 0.0) + float(duration[1])
        else:
            left_out["tools"] += 1
        return ""

    node.text = _DETAILS.sub(take, node.text).strip("\n")
    node.thinking = "\n\n".join(filter(None, thoughts))


def _status(entry: Any) -> Status:
    if member(entry, "error"):
        return "error"
    return "interrupted" if member(entry, "done") is False else "complete"
