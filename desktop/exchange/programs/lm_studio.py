"""LM Studio's conversations: one `*.conversation.json` each, under `~/.lmstudio/conversations`.

`messages` is a list; each message has `versions` and says which one is `currentlySelected`. A version is a `singleStep`
with `content`, or a `multiStep` answer whose `steps` are blocks of text, of thinking, and of tools.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from desktop.exchange.fields import items, member, number, seconds, text
from desktop.exchange.incoming import LeftOut, Node, messages_of
from desktop.store import ConversationTree
from desktop.store.records import Status

_SYSTEM_PROMPT = "llm.prediction.systemPrompt"
_STATUS_OF_STOP: dict[str, Status] = {
    "userStopped": "stopped",
    "maxPredictedTokensReached": "length",
    "contextLengthReached": "length",
    "failed": "error",
    "modelUnloaded": "interrupted",
}
_IMAGE = ("image", "clipboard-image")


def is_conversation(value: Any) -> bool:
    """Whether a JSON value is one of LM Studio's conversations."""
    messages = items(member(value, "messages"))
    named = isinstance(member(value, "name"), str) or "createdAt" in (value if isinstance(value, dict) else ())
    return named and isinstance(member(value, "messages"), list) and all("versions" in _keys(m) for m in messages)


def _keys(value: Any) -> Any:
    return value if isinstance(value, dict) else ()


def read_conversation(value: Any) -> tuple[ConversationTree, LeftOut]:
    """A conversation of a `*.conversation.json`, and what is left out of it."""
    left_out: LeftOut = Counter()
    began_at = seconds(member(value, "createdAt")) or 0.0
    system = [_system_prompt(value)]
    nodes: list[Node] = []
    selected: str | None = None
    for place, message in enumerate(items(member(value, "messages"))):
        versions = items(member(message, "versions"))
        chosen = member(message, "currentlySelected")
        above, selected = selected, f"{place}.{chosen if isinstance(chosen, int) else 0}"
        for index, version in enumerate(versions):
            nodes.append(_node(f"{place}.{index}", above, version, system, left_out))
        if not any(node.id == selected for node in nodes):
            selected = nodes[-1].id if versions else above
    messages, leaf = messages_of(nodes, selected, began_at)
    last = [seconds(member(value, key)) for key in ("userLastMessagedAt", "assistantLastMessagedAt")]
    tree = ConversationTree(
        messages=messages,
        title=text(member(value, "name")),
        title_is_auto=False,
        system_prompt=next(filter(None, system), ""),
        model=text(member(value, "lastUsedModel", "identifier")),
        pinned=member(value, "pinned") is True,
        created_at=began_at,
        updated_at=max([began_at, *(moment for moment in last if moment is not None)]),
        active_leaf=leaf,
    )
    return tree, left_out


def _system_prompt(value: Any) -> str:
    fields = items(member(value, "perChatPredictionConfig", "fields"))
    own = [text(member(entry, "value")) for entry in fields if member(entry, "key") == _SYSTEM_PROMPT]
    return next(filter(None, own), text(member(value, "systemPrompt")))


def _node(node_id: str, above: str | None, version: Any, system: list[str], left_out: LeftOut) -> Node:
    node = Node(node_id, above)
    role = member(version, "role")
    steps = items(member(version, "steps")) if member(version, "type") == "multiStep" else [version]
    for step in steps:
        _take_step(node, step, left_out)
    node.text, node.thinking = node.text.strip("\n"), node.thinking.strip("\n")
    if role == "system":
        system.append(node.text)
    elif role in ("user", "assistant") and (node.text.strip() or node.thinking.strip()):
        node.role = role
        node.model = text(member(version, "senderInfo", "senderName")) if role == "assistant" else ""
    return node


def _take_step(node: Node, step: Any, left_out: LeftOut) -> None:
    """Add what a step says to its message."""
    thinks = member(step, "style", "type") == "thinking"
    said = _content(step, left_out)
    if thinks:
        node.thinking = "\n\n".join(filter(None, (node.thinking, said)))
    else:
        node.text = "\n\n".join(filter(None, (node.text, said)))
    statistics = member(step, "genInfo", "stats")
    speed = number(member(statistics, "tokensPerSecond"))
    if speed:
        node.stats = {"tokens_per_s": speed}
    node.status = _STATUS_OF_STOP.get(text(member(statistics, "stopReason")), node.status)


def _content(step: Any, left_out: LeftOut) -> str:
    parts: list[str] = []
    for part in items(member(step, "content")):
        kind = text(member(part, "type"))
        if kind == "text" and member(part, "isStructural") is not True:  # structural: the marks around a thought
            parts.append(text(member(part, "text")))
        elif kind == "file":
            left_out["images" if member(part, "fileType") in _IMAGE else "files"] += 1
        elif kind.startswith("toolCall"):
            left_out["tools"] += 1
    return "\n".join(filter(None, parts))
