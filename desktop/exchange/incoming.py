"""What a reader makes of a conversation in another program's file, and how its messages become a tree.

Other programs keep more nodes than we show: system messages, calls of tools, placeholders. A node that is not kept is
passed over, and what hangs on it hangs on the nearest one above that is. An answer that was written in several steps,
one below the other, is one answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from desktop.exchange.fields import items, member
from desktop.store import ConversationTree, TreeMessage
from desktop.store.records import Role, Status

LeftOut = Counter[str]
"""What could not come along, by kind (`LEFT_OUT`), with its number."""

LEFT_OUT = ("images", "files", "tools", "damaged", "other")


@dataclass(slots=True)
class Node:
    """A message as its program has it. Without a `role` it is passed over."""

    id: str
    parent: str | None
    role: Role | None = None
    text: str = ""
    thinking: str = ""
    thinking_seconds: float | None = None
    created_at: float | None = None
    model: str = ""
    status: Status = "complete"
    stats: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IncomingConversation:
    """A conversation that may be added to the store. `digest` is of what the file says of it."""

    tree: ConversationTree
    digest: str
    left_out: LeftOut = field(default_factory=Counter)


def in_version_order(nodes: Mapping[str, Any], children_key: str) -> list[tuple[str, Any]]:
    """The nodes of a program that keeps them by id, so that those with one parent stand as that parent names them."""
    named = (enumerate(items(member(entry, children_key))) for entry in nodes.values())
    rank = {child: place for children in named for place, child in children if isinstance(child, str)}
    return sorted(nodes.items(), key=lambda pair: rank.get(pair[0], 0))


def messages_of(
    nodes: Sequence[Node], current: str | None, began_at: float
) -> tuple[tuple[TreeMessage, ...], int | None]:
    """The messages of a tree, and the place of its active leaf.

    Args:
        nodes: in the order in which versions of one message follow each other; parents may stand anywhere.
        current: the id of the node where the shown path ends; None: at the newest.
        began_at: the time of messages that do not tell theirs.
    """
    return _TreeBuilder(nodes, began_at).build(current)


class _TreeBuilder:
    def __init__(self, nodes: Sequence[Node], began_at: float) -> None:
        self._nodes = {node.id: node for node in nodes}
        self._began_at = began_at
        self._above = {node.id: self._kept_above(node) for node in self._nodes.values()}
        self._children: dict[str | None, list[Node]] = defaultdict(list)
        for node in self._kept():
            self._children[self._above[node.id]].append(node)
        self._messages: list[TreeMessage] = []
        self._places: dict[str, int] = {}

    def build(self, current: str | None) -> tuple[tuple[TreeMessage, ...], int | None]:
        self._add_below(self._children[None])
        for node in self._kept():
            if node.id not in self._places:  # one of several that are each other's parents: nothing leads to them
                self._add_below([node])
        leaf = self._leaf(current)
        self._mark_path(leaf)
        return tuple(self._messages), leaf

    def _kept(self) -> Iterator[Node]:
        return (node for node in self._nodes.values() if node.role is not None)

    def _kept_above(self, node: Node) -> str | None:
        """The id of the nearest node above that is kept."""
        seen = {node.id}
        parent = node.parent
        while parent is not None and parent in self._nodes and parent not in seen:
            if self._nodes[parent].role is not None:
                return parent
            seen.add(parent)
            parent = self._nodes[parent].parent
        return None

    def _add_below(self, roots: Sequence[Node]) -> None:
        waiting: list[tuple[Node, int | None]] = [(node, None) for node in reversed(roots)]
        while waiting:  # not a recursion: a conversation may be thousands of messages deep
            node, parent = waiting.pop()
            if node.id not in self._places:
                place = self._places[node.id] = self._add(node, parent)
                waiting.extend((child, place) for child in reversed(self._children[node.id]))

    def _add(self, node: Node, parent: int | None) -> int:
        if parent is not None and self._goes_on(node, self._messages[parent]):
            self._messages[parent] = _joined(self._messages[parent], node)
            return parent
        self._messages.append(self._message(node, parent))
        return len(self._messages) - 1

    def _goes_on(self, node: Node, before: TreeMessage) -> bool:
        return node.role == before.role == "assistant" and len(self._children[self._above[node.id]]) == 1

    def _message(self, node: Node, parent: int | None) -> TreeMessage:
        above = self._messages[parent].created_at if parent is not None else self._began_at
        return TreeMessage(
            parent=parent,
            role=node.role or "user",
            text=node.text,
            status=node.status,
            created_at=above if node.created_at is None else node.created_at,
            model=node.model,
            stats=node.stats,
            thinking=node.thinking,
            thinking_seconds=node.thinking_seconds,
        )

    def _leaf(self, current: str | None) -> int | None:
        node = self._nodes.get(current) if current is not None else None
        if node is not None:
            above = node.id if node.role is not None else self._above[node.id]
            if above in self._places:
                return self._places[above]
        return len(self._messages) - 1 if self._messages else None

    def _mark_path(self, leaf: int | None) -> None:
        while leaf is not None:
            parent = self._messages[leaf].parent
            if parent is not None:
                self._messages[parent] = replace(self._messages[parent], active_child=leaf)
            leaf = parent


def _joined(before: TreeMessage, node: Node) -> TreeMessage:
    """An answer with its next step."""
    duration = before.thinking_seconds if node.thinking_seconds is None else node.thinking_seconds
    return replace(
        before,
        text="\n\n".join(part for part in (before.text, node.text) if part.strip()),
        thinking="\n\n".join(part for part in (before.thinking, node.thinking) if part.strip()),
        thinking_seconds=duration,
        status=node.status,
        model=node.model or before.model,
        stats={**before.stats, **node.stats},
    )
