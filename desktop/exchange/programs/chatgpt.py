"""ChatGPT's data export: `conversations.json`, an array of conversations, alone or in the .zip that is sent.

`mapping` holds the nodes of the tree by id, `current_node` the end of the path that is shown. A node's `message` may be
null (the root), hidden, of the system, or of a tool; `content.content_type` says how it is to be read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from desktop.exchange.fields import items, member, number, seconds, text
from desktop.exchange.incoming import LeftOut, Node, in_version_order, messages_of
from desktop.store import ConversationTree
from desktop.store.records import Status

# References to search results, between characters of the private use area that only ChatGPT's page can show.
_CITATION = re.compile("\ue200[^\ue201]*\ue201")
_STATUS_OF_FINISH: dict[str, Status] = {"max_tokens": "length", "interrupted": "stopped"}
_TOOL_CONTENT = ("execution_output", "tether_quote", "tether_browsing_display", "tether_browsing_code", "system_error")


def is_conversation(value: Any) -> bool:
    """Whether a JSON value is one of ChatGPT's conversations."""
    return isinstance(member(value, "mapping"), Mapping)


def read_conversation(value: Any) -> tuple[ConversationTree, LeftOut]:
    """A conversation of `conversations.json`, and what is left out of it."""
    left_out: LeftOut = Counter()
    began_at = seconds(member(value, "create_time")) or 0.0
    model = text(member(value, "default_model_slug"))
    system: list[str] = []
    nodes = [_node(key, entry, system, left_out) for key, entry in in_version_order(value["mapping"], "children")]
    messages, leaf = messages_of(nodes, text(member(value, "current_node")) or None, began_at)
    tree = ConversationTree(
        messages=messages,
        title=text(member(value, "title")),
        title_is_auto=False,
        system_prompt=system[0] if system else "",
        model=model,
        pinned=member(value, "is_starred") is True,
        created_at=began_at,
        updated_at=seconds(member(value, "update_time")) or began_at,
        active_leaf=leaf,
    )
    return tree, left_out


def _node(key: str, entry: Any, system: list[str], left_out: LeftOut) -> Node:
    message = member(entry, "message")
    node = Node(key, text(member(entry, "parent")) or None)
    role = member(message, "author", "role")
    if role == "tool" or member(message, "content", "content_type") in _TOOL_CONTENT:
        left_out["tools"] += 1
        left_out["images"] += _count_images(member(message, "content"))
    elif role == "system" and not _is_hidden(message):
        if said := _text(message, Counter()).strip():
            system.append(said)
    elif role in ("user", "assistant") and not _is_hidden(message):
        _fill(node, message, left_out)
    return node


def _is_hidden(message: Any) -> bool:
    content_type = member(message, "content", "content_type")
    hidden = member(message, "metadata", "is_visually_hidden_from_conversation")
    return hidden is True or content_type in ("user_editable_context", "model_editable_context")


def _fill(node: Node, message: Any, left_out: LeftOut) -> None:
    content = member(message, "content")
    kind = member(content, "content_type")
    recipient = text(member(message, "recipient")) or "all"
    if kind == "thoughts":
        node.thinking = _thoughts(content)
    elif kind == "reasoning_recap":
        node.thinking_seconds = number(member(message, "metadata", "finished_duration_sec"))
    elif recipient != "all":
        left_out["tools"] += 1
        return
    else:
        node.text = _text(message, left_out)
    left_out["files"] += _count_files(message)
    if not (node.text.strip() or node.thinking.strip() or kind == "reasoning_recap"):
        return
    node.role = message["author"]["role"]
    node.created_at = seconds(member(message, "create_time"))
    node.model = text(member(message, "metadata", "model_slug")) if node.role == "assistant" else ""
    node.status = _status(message)


def _text(message: Any, left_out: LeftOut) -> str:
    content = member(message, "content")
    kind = text(member(content, "content_type"))
    if kind == "code":
        language = text(member(content, "language"))
        return f"```{'' if language == 'unknown' else language}\n{text(member(content, 'text'))}\n```"
    parts = [part if isinstance(part, str) else text(member(part, "text")) for part in items(member(content, "parts"))]
    left_out["images"] += _count_images(content)
    said = "\n".join(part for part in parts if part) or text(member(content, "text")) or text(member(content, "result"))
    return _CITATION.sub("", said)


def _thoughts(content: Any) -> str:
    thoughts = items(member(content, "thoughts"))
    parts = ((text(member(thought, "summary")), text(member(thought, "content"))) for thought in thoughts)
    return "\n\n".join("\n".join(part for part in pair if part) for pair in parts).strip()


def _count_images(content: Any) -> int:
    kinds = (text(member(part, "content_type")) for part in items(member(content, "parts")))
    return sum(kind == "image_asset_pointer" for kind in kinds)


def _count_files(message: Any) -> int:
    """Attached files that are no images: those are counted where they are shown."""
    attached = items(member(message, "metadata", "attachments"))
    return sum(not text(member(file, "mime_type")).startswith("image/") for file in attached)


def _status(message: Any) -> Status:
    if member(message, "status") == "in_progress":
        return "interrupted"
    return _STATUS_OF_FINISH.get(text(member(message, "metadata", "finish_details", "type")), "complete")
