"""Reads and adds conversations as a whole, with every version of every message: for export and import."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from desktop.store.conversations import Conversations
from desktop.store.database import storable
from desktop.store.instructions.personas import sampling_json
from desktop.store.pictures.tables import add_pictures
from desktop.store.reading import attachments_json
from desktop.store.records import ConversationTree, StoredMessage, StoredStrategy, StoredSummary, TreeMessage
from desktop.store.salvage import read_or_salvage
from desktop.store.tree import SELECT_WITHOUT_SIBLINGS, readable_messages, stored_message


class WholeTrees(Conversations):
    """The part of the store that reads and adds conversations with all messages. Every method raises StoreError."""

    def tree(self, conversation_id: int) -> ConversationTree:
        """A conversation with all that was ever said in it; an answer under way as far as it has come.

        Of a damaged file, what can be read: a message whose parent cannot be follows the one before it.
        """
        conversation = self.conversation(conversation_id)
        stored = read_or_salvage(
            self._db,
            lambda: self._whole_tree(conversation_id),
            lambda: readable_messages(self._db, conversation_id),
        )
        children: dict[int, int] = dict(
            self._db.rows(
                "SELECT a.parent_id, a.child_id FROM active_child AS a JOIN message AS m ON m.id = a.parent_id"
                " WHERE m.conversation_id = ?",
                conversation_id,
            )
        )
        project = self.project_of(conversation)
        places = {message.id: place for place, message in enumerate(stored)}
        messages = tuple(_tree_message(message, places, children) for message in stored)
        return ConversationTree(
            messages=messages,
            title=conversation.title,
            title_is_auto=conversation.title_is_auto,
            system_prompt=conversation.system_prompt,
            model=conversation.model,
            pinned=conversation.pinned,
            created_at=conversation.created_at,
            updated_at=conversation.updated_at,
            active_leaf=places.get(conversation.active_leaf or 0, len(messages) - 1 if messages else None),
            overflow=conversation.overflow,
            left_out=_places_of(conversation.left_out, places),
            summaries=tuple(
                StoredSummary(places[s.message_id], _places_of(s.covers, places), s.text, s.created_at)
                for s in self.summaries(list(places))
            ),
            own_model=conversation.own_model,
            sampling=conversation.sampling,
            uses_facts=conversation.uses_facts,
            project=replace(project.settings, folder="") if project is not None else None,
            strategy=_strategy_at(conversation.strategy, {message_id: at + 1 for message_id, at in places.items()}),
        )

    def _whole_tree(self, conversation_id: int) -> list[StoredMessage]:
        rows = self._db.rows(f"{SELECT_WITHOUT_SIBLINGS} WHERE m.conversation_id = ? ORDER BY m.id", conversation_id)
        return list(map(stored_message, rows))

    def add_tree(self, tree: ConversationTree, *, imported_from: str = "") -> int:
        """Add a conversation as it is, in one transaction; its number.

        Args:
            tree: an answer that is `streaming` in it is `interrupted` in the store.
            imported_from: the digest by which `has_tree` knows it again.
        """
        with self._db.transaction():
            project = None if tree.project is None else self.project_named(tree.project)
            created = self._db.write(
                "INSERT INTO conversation (title, title_is_auto, system_prompt, model, pinned, created_at, updated_at,"
                " overflow, imported_from, own_model, sampling, uses_facts, project_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(tree.title, tree.title_is_auto, tree.system_prompt, tree.model, tree.pinned, tree.created_at),
                *(tree.updated_at, tree.overflow, imported_from, tree.own_model, sampling_json(tree.sampling)),
                *(tree.uses_facts, None if project is None else project.id),
            )
            conversation_id = created.lastrowid or 0
            ids: list[int] = []
            for message in tree.messages:
                ids.append(self._insert(conversation_id, message, ids))
            for place, message in enumerate(tree.messages):
                if message.active_child is not None:
                    self._db.write("INSERT INTO active_child VALUES (?, ?)", ids[place], ids[message.active_child])
            self._db.write(
                "UPDATE conversation SET active_leaf = ? WHERE id = ?",
                *(None if tree.active_leaf is None else ids[tree.active_leaf], conversation_id),
            )
            self.set_strategy(conversation_id, _strategy_at(tree.strategy, dict(enumerate(ids, 1))))
            self.set_left_out(conversation_id, [ids[place] for place in tree.left_out])
            for summary in tree.summaries:
                if not summary.covers:  # it would be valid nowhere
                    continue
                self.save_summary([ids[place] for place in summary.covers], summary.text, at=summary.created_at)
        return conversation_id

    def _insert(self, conversation_id: int, message: TreeMessage, ids: Sequence[int]) -> int:
        added = self._db.write(
            "INSERT INTO message (conversation_id, parent_id, role, text, status, model, created_at, stats, thinking,"
            " thinking_seconds, pinned, attachments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(conversation_id, None if message.parent is None else ids[message.parent], message.role, message.text),
            *("interrupted" if message.status == "streaming" else message.status, message.model, message.created_at),
            *(json.dumps(dict(message.stats), ensure_ascii=False), message.thinking, message.thinking_seconds),
            *(message.pinned, attachments_json(message.attachments)),
        )
        add_pictures(self._db, added.lastrowid or 0, message.pictures)
        return added.lastrowid or 0

    def has_tree(self, tree: ConversationTree, *, imported_from: str = "") -> bool:
        """Whether a conversation is here already: it was imported under this digest, or one that began at the same
        moment holds all of its messages (and perhaps what was said since)."""
        if imported_from and self._db.row(
            "SELECT 1 FROM conversation WHERE imported_from = ? AND deleted_at IS NULL", imported_from
        ):
            return True
        wanted = set(_chains(tree.messages))
        return any(
            wanted <= set(_chains(self.tree(conversation_id).messages))
            for (conversation_id,) in self._db.rows(
                "SELECT id FROM conversation WHERE created_at = ? AND deleted_at IS NULL", tree.created_at
            )
        )


def _tree_message(stored: StoredMessage, places: Mapping[int, int], children: Mapping[int, int]) -> TreeMessage:
    place, parent = places[stored.id], None
    if stored.parent_id is not None:
        parent = places.get(stored.parent_id, place)
        if parent >= place:  # of a damaged file
            parent = place - 1 if place else None
    return TreeMessage(
        parent=parent,
        role=stored.role,
        text=stored.text,
        status="interrupted" if stored.status == "streaming" else stored.status,
        created_at=stored.created_at,
        model=stored.model,
        stats=stored.stats,
        thinking=stored.thinking,
        thinking_seconds=stored.thinking_seconds,
        active_child=places.get(children.get(stored.id, 0)),
        pinned=stored.pinned,
        attachments=stored.attachments,
        pictures=stored.pictures,
    )


def _strategy_at(strategy: StoredStrategy, names: Mapping[int, int]) -> StoredStrategy:
    """A strategy whose message is named in another way; its scratchpad is dropped where that message is not there."""
    if strategy.facts is None:
        return replace(strategy, facts_after=0)
    after = names.get(strategy.facts_after) if strategy.facts_after else 0
    return replace(strategy, facts=None if after is None else strategy.facts, facts_after=after or 0)


def _places_of(ids: Sequence[int], places: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(places[message_id] for message_id in ids if message_id in places)


def _chains(messages: Sequence[TreeMessage]) -> Iterator[bytes]:
    """For each message a digest of what it says and of all that leads to it."""
    import hashlib  # with OpenSSL, 4 MB of memory: not for a window that only opens its conversations

    digests: list[bytes] = []
    for message in messages:
        above = b"" if message.parent is None else digests[message.parent]
        said = "\0".join((message.role, storable(message.text), storable(message.thinking)))
        digests.append(hashlib.sha256(above + said.encode()).digest())
        yield digests[-1]
