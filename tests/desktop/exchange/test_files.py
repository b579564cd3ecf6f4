"""What a person chooses to import may be anything; nothing comes in twice, and what is wrong is said in a sentence."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

from belle.errors import KnownError
from desktop.exchange import files
from desktop.exchange.files import conversations_in, looks_importable
from desktop.exchange.importing import ImportReport, import_conversations
from desktop.exchange.outgoing import export
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree, Store, TreeMessage
from tests.desktop.exchange import samples


def fault_of(path: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        list(conversations_in(path))
    assert str(path.name) in caught.value.message
    assert "Traceback" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "not_chats"),
        (b"# Notes\n", "not_chats"),
        (b"\x89PNG\r\n\x1a\n", "not_chats"),
        (b"[]", "not_chats"),
        (b"{}", "not_chats"),
        (b'"text"', "not_chats"),
        (b'[{"role": "user", "content": "training data"}]', "not_chats"),
        (b'{"model_type": "llama"}', "not_chats"),
        (b"[1, 2", "not_chats"),
        (b'[{"mapping": {"a": ', "chats_damaged"),
        (b"PK\x03\x04 and no more", "chats_damaged"),
        (b'{"format": "chatbelle-conversations", "version": 2, "conversations": []}', "newer_export"),
        (b'{"format": "chatbelle-conversations", "version": true, "conversations": []}', "newer_export"),
        (b'{"format": "chatbelle-conversations", "version": 1, "conversations": 3}', "chats_damaged"),
        (b'{"format": "chatbelle-conversations", "version": 1, "conversations": [{"messages": [3]}]}', "chats_damaged"),
        (b"[" * 100_000, "chats_damaged"),
    ],
)
def test_what_is_no_export_is_said(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(content)
    assert fault_of(path).kind == kind


def test_what_is_not_a_file_is_said(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "gone.json").kind == "file_missing"
    assert fault_of(tmp_path).kind == "not_chats"
    os.mkfifo(tmp_path / "pipe.json")
    assert fault_of(tmp_path / "pipe.json").kind == "not_a_file"


def test_a_file_of_a_gigabyte_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    assert fault_of(path).kind == "file_too_large"


def test_a_file_of_more_values_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_VALUES", 1000)
    path = tmp_path / "many.json"
    path.write_text("[" + "{}," * 2000 + "{}]")
    assert "more than 1,000 values" in fault_of(path).message


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST", 1_000_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", "[" + " " * 5_000_000 + "]")
    assert path.stat().st_size < 100_000
    assert fault_of(path).kind == "file_too_large"


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.98])
def test_a_damaged_archive_is_said(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "half.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps([samples.chatgpt_conversation()]))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * cut)])
    assert fault_of(path).kind == "chats_damaged"


def test_an_archive_of_a_kind_that_is_not_known_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "new.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("conversations.json", json.dumps([samples.chatgpt_conversation()]))
    whole = path.read_bytes()
    directory = whole.index(b"PK\1\2")
    for at, value in ((directory + 6, 99), (directory + 10, 1), (directory + 8, 1), (whole.index(b".json") + 9, 0xFF)):
        path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        assert fault_of(path).kind == "chats_damaged", at


def test_an_archive_of_something_else_is_no_export(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", "x")
    assert fault_of(path).kind == "not_chats"


def test_what_is_dropped_is_offered_for_import_by_its_name(tmp_path: Path) -> None:
    jan = tmp_path / "threads" / "a"
    jan.mkdir(parents=True)
    assert not looks_importable(tmp_path)
    (jan / "thread.json").touch()
    assert [looks_importable(path) for path in (tmp_path, jan.parent, jan)] == [True] * 3
    names = [
        "conversations.json",
        "1.conversation.json",
        "a.ZIP",
        "messages.jsonl",
        "model.gguf",
        "notes.md",
        "a.jsonl",
    ]
    assert [looks_importable(tmp_path / name) for name in names] == [True] * 4 + [False] * 3


def test_a_folder_that_may_not_be_listed_is_said_and_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root, who runs tests, may list every folder
    assert fault_of(tmp_path).kind == "no_permission"
    assert not looks_importable(tmp_path)


# Into the store


def brought_in(store: Store, *paths: Path) -> ImportReport:
    return import_conversations(store, paths, title_of=lambda question: question[:8])


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / "chats.sqlite3") as opened:
        yield opened


def test_the_same_file_comes_in_once(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([samples.chatgpt_conversation(), samples.open_webui_chat()]))
    report = brought_in(store, path)
    assert (len(report.added), report.n_known, report.left_out["images"]) == (2, 0, 2)
    assert {row.title for row in store.conversations()} == {"Rain and snow", "Rain"}
    path.write_text(json.dumps([samples.open_webui_chat(), samples.chatgpt_conversation()], indent=2))
    again = brought_in(store, path)
    assert (again.added, again.n_known, +again.left_out) == ([], 2, {})


def test_of_half_a_file_what_is_whole_comes_in_and_the_rest_later(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    whole = json.dumps([samples.chatgpt_conversation(), samples.chatgpt_conversation() | {"create_time": 1e9}])
    path.write_text(whole[: len(whole) * 3 // 4])
    report = brought_in(store, path)
    assert len(report.added) == 1
    assert [(fault.kind, fault.details["n_found"]) for fault in report.faults] == [("chats_damaged", 1)]
    path.write_text(whole)
    report = brought_in(store, path)
    assert (len(report.added), report.n_known, report.faults) == (1, 1, [])


def test_a_bad_file_keeps_the_others_not_out(store: Store, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.json", tmp_path / "good.json"
    bad.write_text("no")
    good.write_text(json.dumps(samples.lm_studio_conversation()))
    report = brought_in(store, bad, good)
    assert (len(report.added), [fault.kind for fault in report.faults]) == (1, ["not_chats"])


def test_an_import_can_be_stopped_and_gone_on_with(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([samples.chatgpt_conversation() | {"create_time": 1e9 + n} for n in range(5)]))
    seen: list[int] = []

    def goes_on(n_done: int) -> bool:
        seen.append(n_done)
        return n_done < 2

    report = import_conversations(store, [path], title_of=str, goes_on=goes_on)
    assert (report.stopped, len(report.added), seen) == (True, 2, [1, 2])
    report = brought_in(store, path)
    assert (report.stopped, len(report.added), report.n_known) == (False, 3, 2)


def test_what_lacks_a_title_or_a_time_gets_one(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    value = samples.chatgpt_conversation() | {"title": None, "create_time": None, "update_time": None}
    path.write_text(json.dumps([value]))
    (added,) = brought_in(store, path).added
    conversation = store.conversation(added)
    assert (conversation.title, conversation.title_is_auto) == ("And 雪?", True)
    assert conversation.updated_at >= conversation.created_at > 1_700_000_000
    assert brought_in(store, path).n_known == 1


def test_an_export_comes_back_into_the_store_it_is_from_only_where_it_is_missing(store: Store, tmp_path: Path) -> None:
    kept = store.add_tree(
        ConversationTree((TreeMessage(None, "user", "a"),), title="Kept", created_at=5, active_leaf=0)
    )
    lost = store.add_tree(
        ConversationTree((TreeMessage(None, "user", "b"),), title="Lost", created_at=6, active_leaf=0)
    )
    before = [store.tree(kept), store.tree(lost)]
    path = tmp_path / "all.json"
    export(before, path, ExportWords())
    store.delete_conversation(lost)
    store.add_message(kept, store.active_path(kept)[-1].id, "assistant", "and it has gone on")
    report = brought_in(store, path)
    assert (len(report.added), report.n_known) == (1, 1)
    assert store.tree(report.added[0]) == before[1]
