"""The dialog of a folder says how far it has been read, and in which ways it is searched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from belle.errors import KnownError
from desktop.documents.progress import EmbeddingProgress, IndexProgress
from desktop.i18n import set_language
from desktop.ui.documents.folder_dialog import FolderDialog
from desktop.ui.documents.words import progress, way_of_searching

FOLDER = "/home/somebody/papers"
READ = IndexProgress(FOLDER, 3, 3, finished=True)
PART = EmbeddingProgress(FOLDER, "bge-small", 1200, 4500)


def test_the_way_of_searching_is_said_and_follows_what_is_ready(qtbot: QtBot) -> None:
    dialog = FolderDialog(READ, EmbeddingProgress(FOLDER), list)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "by words" in dialog.way.text() and "by meaning, too" in dialog.way.text()
    dialog.show_embedding(PART)
    assert "1,200 of 4,500" in dialog.way.text() and "bge-small" in dialog.way.text()
    dialog.show_embedding(replace(PART, ready=4500))
    assert "all 4,500" in dialog.way.text()
    dialog.show_embedding(replace(PART, problem=KnownError("embedding_late", "It was late.", "Ask again.")))
    assert "by words alone" in dialog.way.text() and "in time" in dialog.way.text()
    assert dialog.way.isVisible()


def test_without_a_folder_nothing_is_said_of_searching(qtbot: QtBot) -> None:
    dialog = FolderDialog(IndexProgress(""), EmbeddingProgress(""), list)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.way.isVisible()


def test_a_problem_that_is_rare_is_said_in_its_own_words_and_a_long_name_is_shortened() -> None:
    problem = KnownError("backend_crash", "The process ended.", "Try again.")
    text = way_of_searching(replace(PART, model="model" * 100, problem=problem))
    assert "The process ended." in text and len(text) < 200


def test_in_chinese_too() -> None:
    set_language("zh_CN")
    assert "向量模型" in way_of_searching(EmbeddingProgress(FOLDER))
    assert "1,200" in way_of_searching(PART)


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (IndexProgress(FOLDER, 1, 1, finished=True), "1 document"),
        (IndexProgress(FOLDER, 2, 2, unreadable=1, finished=True), "1 document; 1 cannot be read"),
        (IndexProgress(FOLDER, 2, 2, finished=True), "2 documents"),
        (IndexProgress(FOLDER, 1, 1, unreadable=1, finished=True), "0 documents; 1 cannot be read"),
        (IndexProgress(FOLDER, 1200, 1200, finished=True), "1,200 documents"),
    ],
)
def test_one_document_is_no_plural(qapp: object, read: IndexProgress, said: str) -> None:
    assert progress(read) == said
