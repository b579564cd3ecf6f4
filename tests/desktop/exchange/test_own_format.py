"""Everything that a conversation has is in the JSON export, and comes back from it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.documents import DocumentError
from desktop.exchange.files import conversations_in
from desktop.exchange.outgoing import export
from desktop.exchange.own_format import read_record
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree, Store, TreeMessage
from desktop.store.records import StoredStrategy
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


def test_a_scratchpad_after_a_message_that_is_not_there_is_dropped_and_its_strategy_stays(tmp_path: Path) -> None:
    message = TreeMessage(None, "user", "雨")
    for after in (2, -1, 10**30):
        tree = ConversationTree((message,), strategy=StoredStrategy("raise", "slow", {"name": "Li"}, after))
        with Store.open(tmp_path / f"{after}.sqlite3") as store:
            assert store.tree(store.add_tree(tree)).strategy == StoredStrategy("raise", "slow")


@pytest.mark.parametrize("strategy", [3, [], "raise"])
def test_a_strategy_of_another_kind_damages_the_file(strategy: object) -> None:
    with pytest.raises(DocumentError, match="a strategy that is not a JSON object"):
        read_record({"messages": [], "strategy": strategy})


def test_a_file_of_an_earlier_version_has_plain_conversations() -> None:
    assert read_record({"messages": []}).strategy == StoredStrategy()
