"""Everything that a conversation has is in the JSON export, and comes back from it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.exchange.files import conversations_in
from desktop.exchange.outgoing import export
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree, Store, TreeMessage
from tests.support.trees import conversation_trees


@given(st.lists(conversation_trees(), max_size=3))
@settings(max_examples=12)
def test_any_conversations_come_back_as_they_were(trees: list[ConversationTree]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "chats.json")
        with Store.open(Path(folder, "one.sqlite3")) as store:
            ids = [store.add_tree(tree) for tree in trees]
            export([store.tree(conversation_id) for conversation_id in ids], path, ExportWords())
        with Store.open(Path(folder, "other.sqlite3")) as other:
            read = [incoming.tree for incoming in conversations_in(path)]
            assert [other.tree(other.add_tree(tree)) for tree in read] == read == trees


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "chats.json"
    tree = ConversationTree((TreeMessage(None, "user", "雨是什么?"),), title="雨", active_leaf=0)
    export([tree, tree], path, ExportWords())
    value = json.loads(path.read_text(encoding="utf-8"))
    assert (value["format"], value["version"], len(value["conversations"])) == ("chatbelle-conversations", 1, 2)
    assert value["conversations"][0]["messages"][0]["text"] == "雨是什么?"
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4
