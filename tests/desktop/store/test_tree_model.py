"""After any sequence of operations on a conversation, the store shows what a plain model in Python shows."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from desktop.store import Store


@dataclass
class Node:
    id: int
    conversation: Talk
    parent: Node | None
    text: str
    status: str
    children: list[Node] = field(default_factory=list)
    active: Node | None = None

    @property
    def siblings(self) -> list[Node]:
        return self.parent.children if self.parent else self.conversation.roots


@dataclass
class Talk:
    id: int
    roots: list[Node] = field(default_factory=list)
    leaf: Node | None = None
    deleted: bool = False

    def path(self) -> list[Node]:
        path = []
        node = self.leaf
        while node:
            path.append(node)
            node = node.parent
        return path[::-1]

    def show(self, node: Node) -> None:
        above = node
        while above.parent:
            above.parent.active = above
            above = above.parent
        while node.active:
            node = node.active
        self.leaf = node


class TreeMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name, "s.sqlite3"))
        self.talks: list[Talk] = []
        self.nodes: list[Node] = []

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def pick(self, number: int) -> Node | None:
        usable = [node for node in self.nodes if not node.conversation.deleted]
        return usable[number % len(usable)] if usable else None

    def added(self, talk: Talk, parent: Node | None, id_: int, text: str, status: str) -> None:
        node = Node(id_, talk, parent, text, status)
        node.siblings.append(node)
        self.nodes.append(node)
        talk.show(node)

    @rule()
    def create(self) -> None:
        self.talks.append(Talk(self.store.create_conversation().id))

    @precondition(lambda self: any(not talk.deleted for talk in self.talks))
    @rule(number=st.integers(0, 99), text=st.text(max_size=5), streaming=st.booleans(), at_root=st.booleans())
    def go_on(self, number: int, text: str, streaming: bool, at_root: bool) -> None:
        usable = [talk for talk in self.talks if not talk.deleted]
        talk = usable[number % len(usable)]
        parent = None if at_root else talk.leaf
        self._add(talk, parent, text, streaming)

    @rule(number=st.integers(0, 99), text=st.text(max_size=5), streaming=st.booleans())
    def branch(self, number: int, text: str, streaming: bool) -> None:
        if node := self.pick(number):
            self._add(node.conversation, node, text, streaming)

    @rule(number=st.integers(0, 99), text=st.text(max_size=5))
    def edit(self, number: int, text: str) -> None:
        if node := self.pick(number):
            self._add(node.conversation, node.parent, text, streaming=False)

    def _add(self, talk: Talk, parent: Node | None, text: str, streaming: bool) -> None:
        parent_id = parent.id if parent else None
        if streaming:
            message = self.store.start_answer(talk.id, parent_id, "m")
            self.store.checkpoint(message.id, text)
            self.added(talk, parent, message.id, text, "streaming")
        else:
            message = self.store.add_message(talk.id, parent_id, "user", text)
            self.added(talk, parent, message.id, text, "complete")

    @rule(number=st.integers(0, 99), text=st.text(max_size=5), status=st.sampled_from(["complete", "stopped", "error"]))
    def finish(self, number: int, text: str, status: str) -> None:
        streaming = [node for node in self.nodes if node.status == "streaming"]
        if streaming:
            node = streaming[number % len(streaming)]
            self.store.finish(node.id, text, status=status, stats={})
            node.text, node.status = text, status

    @rule(number=st.integers(0, 99), step=st.sampled_from([-1, 1]))
    def switch(self, number: int, step: int) -> None:
        if node := self.pick(number):
            self.store.switch_version(node.id, step)
            at = node.siblings.index(node) + step
            if 0 <= at < len(node.siblings):
                node.conversation.show(node.siblings[at])

    @rule(number=st.integers(0, 99))
    def show(self, number: int) -> None:
        if node := self.pick(number):
            self.store.show(node.id)
            node.conversation.show(node)

    @precondition(lambda self: self.talks)
    @rule(number=st.integers(0, 99))
    def delete_or_restore(self, number: int) -> None:
        talk = self.talks[number % len(self.talks)]
        if talk.deleted:
            self.store.restore_conversation(talk.id)
        else:
            self.store.delete_conversation(talk.id)
        talk.deleted = not talk.deleted

    @rule()
    def purge(self) -> None:
        assert self.store.purge_deleted(older_than_s=-1) == sum(talk.deleted for talk in self.talks)
        self.talks = [talk for talk in self.talks if not talk.deleted]
        self.nodes = [node for node in self.nodes if not node.conversation.deleted]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(Path(self.folder.name, "s.sqlite3"))
        streaming = [node for node in self.nodes if node.status == "streaming"]
        assert self.store.recovered == sorted(node.id for node in streaming if not node.conversation.deleted)
        for node in streaming:
            node.status = "interrupted"

    @invariant()
    def same_paths(self) -> None:
        if not hasattr(self, "store"):
            return
        assert {row.id for row in self.store.conversations()} == {talk.id for talk in self.talks if not talk.deleted}
        for talk in self.talks:
            if not talk.deleted:
                expected = [
                    (
                        *(node.id, node.parent and node.parent.id, node.text.replace("\0", "\ufffd"), node.status),
                        *(node.siblings.index(node), len(node.siblings)),
                    )
                    for node in talk.path()
                ]
                shown = [
                    (m.id, m.parent_id, m.text, m.status, m.sibling_index, m.sibling_count)
                    for m in self.store.active_path(talk.id)
                ]
                assert shown == expected


TestTree = TreeMachine.TestCase
TestTree.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
