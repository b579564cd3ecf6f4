"""Folders of documents beside the window: what happens where nothing can be written, and when the window closes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QObject
from pytestqt.qtbot import QtBot

from belle.models.registry import register
from desktop.chat.documents import embedding
from desktop.chat.documents.conversation import ConversationDocuments
from desktop.chat.documents.embedding_models import installed_model
from desktop.chat.documents.folders import DocumentFolders
from desktop.documents import reader_process
from desktop.documents.progress import EmbeddingProgress, IndexProgress
from desktop.store import Store, StoreError
from tests.support.embedding_model import write_embedding_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("Apples are red.")
    return folder


@pytest.fixture
def parent() -> QObject:
    return QObject()


def test_where_nothing_can_be_written_no_folder_is_chosen(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path
) -> None:
    Store.open(tmp_path / "s" / "store.sqlite3").close()
    with Store.open_for_reading(tmp_path / "s" / "store.sqlite3") as store:
        folders = DocumentFolders(store, parent)
        with pytest.raises(StoreError) as caught:
            folders.choose(None, str(folder))
        assert caught.value.kind == "read_only" and caught.value.advice
        # The person's file, not the copy of it that is open.
        assert str(tmp_path / "s" / "store.sqlite3") in caught.value.message
        assert folders.folder(None).value == ""
        folders.close()


def test_a_question_waits_for_a_folder_that_is_read_and_finds_what_is_new(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path
) -> None:
    with Store.open(tmp_path / "s" / "store.sqlite3") as store:
        folders = DocumentFolders(store, parent)
        found: list[list[str]] = []
        folders.choose(None, str(folder))
        folders.find(str(folder), "Which apples?", (), lambda passages: found.append([p.path for p in passages]))
        qtbot.waitUntil(lambda: found == [["a.txt"]], timeout=20_000)
        folders.close()


def test_a_folder_on_a_disk_that_does_not_answer_is_given_up_and_can_be_tried_again(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The child that would look at the disk never says a word.
    silent = (sys.executable, "-c", "import time; time.sleep(60)")
    with monkeypatch.context() as patched, Store.open(tmp_path / "s" / "store.sqlite3") as store:
        patched.setattr(reader_process, "_COMMAND", silent)
        patched.setattr(reader_process, "SILENT_S", 0.5)
        folders = DocumentFolders(store, parent)
        folders.choose(None, str(folder))
        qtbot.waitUntil(lambda: folders.state(str(folder)).finished, timeout=20_000)
        problem = folders.state(str(folder)).problem
        assert problem is not None and problem.kind == "folder_hangs"
        patched.undo()
        folders.update(str(folder))
        qtbot.waitUntil(lambda: folders.state(str(folder)).problem is None, timeout=20_000)
        qtbot.waitUntil(lambda: folders.state(str(folder)).done == 1, timeout=20_000)
        folders.close()


def test_a_folder_that_was_just_stopped_can_be_read_again_at_once(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path
) -> None:
    with Store.open(tmp_path / "s" / "store.sqlite3") as store:
        folders = DocumentFolders(store, parent)
        folders.choose(None, str(folder))
        folders.stop()
        folders.update(str(folder))  # the thread has not ended yet
        qtbot.waitUntil(lambda: folders.state(str(folder)).finished, timeout=20_000)
        assert folders.state(str(folder)).done == 1
        folders.close()


def test_reading_stops_when_the_window_closes_and_goes_on_the_next_time(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path
) -> None:
    for number in range(40):
        (folder / f"{number}.md").write_text(f"Number {number}. " * 3000)
    with Store.open(tmp_path / "s" / "store.sqlite3") as store:
        folders = DocumentFolders(store, parent)
        folders.choose(None, str(folder))
        folders.close()
        assert not folders.is_reading()
        again = DocumentFolders(store, parent)
        again.update(str(folder))
        qtbot.waitUntil(lambda: again.state(str(folder)).finished, timeout=30_000)
        assert again.state(str(folder)).total == 41
        again.close()


def test_what_other_threads_said_before_the_window_closed_asks_nothing_of_a_closed_store(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path
) -> None:
    notices: list[object] = []
    with Store.open(tmp_path / "s" / "store.sqlite3") as store:
        folders = DocumentFolders(store, parent)
        documents = ConversationDocuments(folders, lambda: None, notices.append, parent)
        documents.choose(str(folder))

        def emit() -> None:
            folders.progress.emit(IndexProgress(str(folder)))
            folders.embedding.progress.emit(EmbeddingProgress(str(folder)))

        thread = threading.Thread(target=emit)
        thread.start()
        thread.join()
        folders.close()
    QCoreApplication.sendPostedEvents()
    assert notices == []


# With an embedding model


@pytest.fixture
def synonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An embedding model in the library that knows that apples are fruit."""
    monkeypatch.setattr(embedding, "_QUESTION_S", 60.0)  # on a busy computer, too
    path = write_embedding_model(tmp_path / "synonyms.gguf", [["apples", "fruit"], ["ships"]])
    register("synonyms", path, title="Synonyms")
    return path


@contextmanager
def open_folders(tmp_path: Path, parent: QObject) -> Iterator[DocumentFolders]:
    with Store.open(tmp_path / "s" / "store.sqlite3") as store:
        folders = DocumentFolders(store, parent)
        yield folders
        folders.close()


def ask(qtbot: QtBot, folders: DocumentFolders, folder: Path, question: str) -> list[str]:
    found: list[list[str]] = []
    folders.find(str(folder), question, (), lambda passages: found.append([p.path for p in passages]))
    qtbot.waitUntil(lambda: bool(found), timeout=90_000)
    return found[0]


def wait_until_embedded(qtbot: QtBot, folders: DocumentFolders, folder: Path, count: int) -> None:
    def is_embedded() -> bool:
        state = folders.embedding.state(str(folder))
        return (state.ready, state.total) == (count, count)

    qtbot.waitUntil(is_embedded, timeout=240_000)  # its process yields to whatever else is computed


def test_with_an_embedding_model_the_folder_is_embedded_and_found_by_meaning(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path, synonyms: Path
) -> None:
    with open_folders(tmp_path, parent) as folders:
        folders.choose(None, str(folder))
        wait_until_embedded(qtbot, folders, folder, 1)
        assert folders.embedding.state(str(folder)).model == "Synonyms"
        assert ask(qtbot, folders, folder, "Which fruit?") == ["a.txt"]
        assert ask(qtbot, folders, folder, "Which ships?") == []


def test_without_one_words_are_searched_and_no_process_is_started(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path
) -> None:
    with open_folders(tmp_path, parent) as folders:
        folders.choose(None, str(folder))
        assert ask(qtbot, folders, folder, "Which apples?") == ["a.txt"]
        assert ask(qtbot, folders, folder, "Which fruit?") == []
        assert folders.embedding.state(str(folder)).model == ""
        assert folders.embedding._worker is None


def test_nothing_is_embedded_while_a_question_is_answered(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path, synonyms: Path
) -> None:
    with open_folders(tmp_path, parent) as folders:
        folders.embedding.pause()
        folders.choose(None, str(folder))
        qtbot.waitUntil(lambda: folders.state(str(folder)).finished, timeout=20_000)
        assert folders.embedding._thread is None
        assert ask(qtbot, folders, folder, "Which apples?") == ["a.txt"]
        folders.embedding.resume()
        wait_until_embedded(qtbot, folders, folder, 1)


def test_where_the_embedding_model_fails_words_are_searched_and_the_reason_is_shown(
    qtbot: QtBot, tmp_path: Path, parent: QObject, folder: Path, synonyms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_folders(tmp_path, parent) as folders:
        folders.choose(None, str(folder))
        wait_until_embedded(qtbot, folders, folder, 1)
        worker = folders.embedding._worker
        assert worker is not None and worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)  # it hangs
        with monkeypatch.context() as patched:
            patched.setattr(embedding, "_QUESTION_S", 0.5)
            assert ask(qtbot, folders, folder, "Which apples?") == ["a.txt"]
        problem = folders.embedding.state(str(folder)).problem
        assert problem is not None and problem.kind == "embedding_late"
        os.kill(worker.pid, signal.SIGKILL)
        qtbot.waitUntil(lambda: worker.pid is None, timeout=10_000)
        assert ask(qtbot, folders, folder, "Which fruit?") == ["a.txt"]  # a new one has been started
        assert folders.embedding.state(str(folder)).problem is None
        synonyms.write_bytes(b"GGUF, but cut")  # no embedding model any more
        worker.close()
        assert ask(qtbot, folders, folder, "Which apples?") == ["a.txt"]


def test_a_model_is_another_when_only_its_last_weights_differ(tmp_path: Path) -> None:
    data = write_embedding_model(tmp_path / "one.gguf", [["apples", "fruit"]]).read_bytes() + bytes(2 << 20)
    identities = []
    for name, end in (("one", b"a"), ("tuned", b"b"), ("copy", b"a")):
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(data + end)
        register(name, path)
        model = installed_model()
        assert model is not None
        assert model.path == path
        identities.append(model.identity)
    one, tuned, copy = identities
    assert one == copy != tuned
