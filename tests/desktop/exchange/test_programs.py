"""What other programs wrote comes in as it was said there, with its versions, and what could not is counted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from desktop.exchange.files import conversations_in
from desktop.exchange.incoming import IncomingConversation, Node, messages_of
from desktop.store import Store
from tests.desktop.exchange import samples
from tests.desktop.exchange.samples import NOON

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(value: Any, name: str = "export.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        return path

    return write


def only(path: Path) -> IncomingConversation:
    (incoming,) = conversations_in(path)
    return incoming


def tree_of(incoming: IncomingConversation) -> list[tuple[int | None, str, str]]:
    return [(m.parent, m.role, m.text) for m in incoming.tree.messages]


def path_of(incoming: IncomingConversation) -> list[str]:
    return [message.text for message in incoming.tree.active_path()]


def test_chatgpt(written: Written) -> None:
    incoming = only(written([samples.chatgpt_conversation()], "conversations.json"))
    assert tree_of(incoming) == [
        (None, "user", "What is rain?"),
        (0, "assistant", "Water."),
        (None, "user", "And 雪?"),
        (2, "assistant", "Ice crystals."),
        (3, "user", "More?"),
        (4, "assistant", "First."),
        (4, "assistant", "Second."),
    ]
    tree = incoming.tree
    assert path_of(incoming) == ["And 雪?", "Ice crystals.", "More?", "First."]
    assert (tree.title, tree.pinned, tree.created_at, tree.updated_at) == ("Rain and snow", True, NOON, NOON + 60)
    answer = tree.messages[3]
    assert (answer.thinking, answer.thinking_seconds) == ("Weather\nSnow is ice.", 8)
    assert (answer.model, answer.status, tree.messages[6].status) == ("gpt-5", "length", "interrupted")
    assert [m.created_at for m in tree.messages[2:5]] == [NOON + 10, NOON, NOON]  # the last one does not tell
    assert tree.system_prompt == ""
    assert +incoming.left_out == {"images": 1, "files": 1, "tools": 2}


def test_chatgpt_as_the_zip_that_is_sent(tmp_path: Path) -> None:
    first, second = samples.chatgpt_conversation(), samples.chatgpt_conversation() | {"title": "Other"}
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("a/conversations-001.json", json.dumps([second]))
        archive.writestr("a/conversations-000.json", json.dumps([first]))
        archive.writestr("chat.html", "<html>")
    assert [incoming.tree.title for incoming in conversations_in(path)] == ["Rain and snow", "Other"]


def test_lm_studio(written: Written) -> None:
    incoming = only(written(samples.lm_studio_conversation(), "1764500000000.conversation.json"))
    assert tree_of(incoming) == [
        (None, "user", "What is rain?"),
        (0, "assistant", "Water."),
        (0, "assistant", "Falling water."),
        (2, "user", "More?"),
    ]
    tree = incoming.tree
    assert path_of(incoming) == ["What is rain?", "Falling water.", "More?"]
    assert (tree.title, tree.system_prompt, tree.model, tree.pinned) == ("Rain", "Be brief.", "qwen3-8b", True)
    assert (tree.created_at, tree.updated_at) == (NOON, NOON + 60)
    assert [(m.thinking, m.status, m.stats) for m in tree.messages[1:3]] == [
        ("Hm.", "stopped", {"tokens_per_s": 12.5}),
        ("Hm.", "complete", {"tokens_per_s": 12.5}),
    ]
    assert +incoming.left_out == {"images": 1, "tools": 2}


def jan_folder(tmp_path: Path, rows: list[Any]) -> Path:
    folder = tmp_path / "threads" / "01JX"
    folder.mkdir(parents=True)
    (folder / "thread.json").write_text(json.dumps(samples.jan_thread()))
    (folder / "messages.jsonl").write_text(
        "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    )
    return folder


@pytest.mark.parametrize("chosen", ["", "thread.json", "messages.jsonl", "..", "../.."])
def test_jan(tmp_path: Path, chosen: str) -> None:
    incoming = only((jan_folder(tmp_path, samples.jan_rows(versions=False)) / chosen).resolve())
    assert tree_of(incoming) == [(None, "user", "What is rain?"), (0, "assistant", "Water."), (1, "user", "Drops.")]
    tree = incoming.tree
    assert (tree.title, tree.system_prompt, tree.model) == ("Rain", "Be brief.", "qwen3-4b")
    assert (tree.created_at, tree.updated_at, tree.messages[1].created_at) == (NOON, NOON + 60, NOON + 1)
    assert tree.messages[1].thinking == "Hm."
    assert +incoming.left_out == {"images": 1, "tools": 1}


def test_jan_with_versions(tmp_path: Path) -> None:
    incoming = only(jan_folder(tmp_path, samples.jan_rows(versions=True)))
    assert tree_of(incoming) == [
        (None, "user", "What is rain?"),
        (0, "assistant", "Water."),
        (0, "assistant", "Drops."),
    ]
    assert path_of(incoming) == ["What is rain?", "Water."]
    assert incoming.tree.messages[2].status == "stopped"


def test_a_thread_of_jan_with_a_bad_line_comes_in_without_it(tmp_path: Path) -> None:
    rows = samples.jan_rows(versions=False)
    incoming = only(jan_folder(tmp_path, [rows[0], '{"id": "half\n', rows[2]]))
    assert path_of(incoming) == ["What is rain?", "Drops."]
    assert incoming.left_out["damaged"] == 1


def test_thoughts_that_an_older_jan_has_in_the_text_are_told_apart(tmp_path: Path) -> None:
    rows = samples.jan_rows(versions=False)[:2]
    rows[1]["content"] = [{"type": "text", "text": {"value": "<think>\nHm.\n</think>\n\nWater.", "annotations": []}}]
    answer = only(jan_folder(tmp_path, rows)).tree.messages[1]
    assert (answer.thinking, answer.text) == ("Hm.", "Water.")


@pytest.mark.parametrize("shape", ["list", "single", "older"])
def test_open_webui(written: Written, shape: str) -> None:
    chat = samples.open_webui_chat()
    older = chat["chat"]
    incoming = only(written({"list": [chat], "single": chat, "older": [older]}[shape]))
    assert tree_of(incoming) == [
        (None, "user", "What is rain?"),
        (0, "assistant", "Water."),
        (0, "assistant", "Drops."),
    ]
    tree = incoming.tree
    assert path_of(incoming) == ["What is rain?", "Water."]
    assert (tree.title, tree.system_prompt, tree.model, tree.created_at) == ("Rain", "Be brief.", "qwen3", NOON)
    answer, other = tree.messages[1:]
    assert (answer.thinking, answer.thinking_seconds) == ("Is 1 < 2?\nYes.", 5)
    assert (answer.model, other.model, other.status) == ("qwen3", "llama3", "interrupted")
    assert +incoming.left_out == {"images": 1, "files": 1, "tools": 1}


def test_a_conversation_of_thousands_of_messages_is_read(written: Written) -> None:
    value = samples.chatgpt_conversation()
    mapping = {"n0": {"message": None, "parent": None, "children": ["n1"]}}
    for place in range(1, 5001):
        message = samples.chatgpt_message("user" if place % 2 else "assistant", f"{place}")
        mapping[f"n{place}"] = {"message": message, "parent": f"n{place - 1}", "children": [f"n{place + 1}"]}
    incoming = only(written([value | {"mapping": mapping, "current_node": "n5000"}]))
    assert len(incoming.tree.active_path()) == 5000


nodes = st.lists(
    st.builds(
        Node,
        st.sampled_from("abcdefg"),
        st.one_of(st.none(), st.sampled_from("abcdefgh")),
        st.sampled_from([None, "user", "assistant"]),
        st.text(max_size=3),
    ),
    max_size=9,
)


@given(nodes, st.one_of(st.none(), st.sampled_from("abcdefgh")))
def test_whatever_hangs_together_how_becomes_a_tree_without_losing_a_text(
    found: list[Node], current: str | None
) -> None:
    messages, leaf = messages_of(found, current, 0.0)
    kept = {node.id: node for node in found}.values()
    for node in kept:
        if node.role is not None and node.text.strip():
            assert any(node.text in message.text for message in messages)
    for place, message in enumerate(messages):
        assert message.parent is None or message.parent < place
        if message.active_child is not None:
            assert messages[message.active_child].parent == place
    assert (leaf is None) == (not messages)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)


@given(st.data())
@settings(max_examples=25)
def test_a_file_that_is_not_as_expected_is_never_a_bug(tmp_path_factory: Any, data: st.DataObject) -> None:
    value = data.draw(
        st.sampled_from([samples.chatgpt_conversation, samples.lm_studio_conversation, samples.open_webui_chat])
    )()
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(value, data)
    path = tmp_path_factory.mktemp("spoilt") / "export.json"
    path.write_text(json.dumps([value]), encoding="utf-8")
    with Store.open(path.with_name("s.sqlite3")) as store:
        try:
            for incoming in conversations_in(path):
                conversation_id = store.add_tree(incoming.tree)
                assert [m.text for m in store.active_path(conversation_id)] == path_of(incoming)
        except KnownError as error:
            assert error.kind in ("not_chats", "chats_damaged")


def _spoil(value: Any, data: st.DataObject) -> None:
    """Put any JSON value in the place of one somewhere inside."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(value[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            value[key] = data.draw(json_values)
            return
        value = value[key]
