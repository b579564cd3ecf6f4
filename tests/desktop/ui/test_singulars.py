"""Texts that count have a singular in English."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from belle.engine.process.events import Stats
from desktop.chat.state import Notice
from desktop.compare.model_run import ModelRunState
from desktop.compare.parting import Parting
from desktop.documents.progress import IndexProgress
from desktop.i18n import set_language
from desktop.store.records import StoredAttachment
from desktop.ui.compare import words as compare
from desktop.ui.dialogs.exchange import ExchangeProgress
from desktop.ui.documents import words as documents
from desktop.ui.import_summary import import_summary
from desktop.ui.notices.text import notice_text
from desktop.ui.transcript.labels import speed_explained
from desktop.ui.window.attachments import AttachmentChip

TEXTS = {
    "tokens of an answer": (
        lambda n: speed_explained({"completion_tokens": n}, ""),
        "1 token",
        "1,200 tokens",
    ),
    "tokens of a compared answer": (
        lambda n: compare.figures(ModelRunState("done", stats=Stats(completion_tokens=n))),
        "1 token",
        "1,200 tokens",
    ),
    "where two answers part": (
        lambda n: compare.parting(Parting(n, None, None)),
        "They part after 1 token: the end on the left, the end on the right.",
        "They part after 1,200 tokens: the end on the left, the end on the right.",
    ),
    "places that differ": (
        compare.count,
        "One place differs; its words are underlined.",
        "1,200 places differ; their words are underlined.",
    ),
    "messages before a compared question": (compare.messages_before, "after 1 message", "after 1,200 messages"),
    "documents of a folder": (
        lambda n: documents.progress(IndexProgress("/home/ann/papers", n, n, finished=True)),
        "1 document",
        "1,200 documents",
    ),
    "passages under an answer": (documents.all_passages, "The only passage", "All 1,200 passages"),
    "imported chats": (lambda n: import_summary({"n_added": n}), "One chat came in.", "1,200 chats came in."),
    "known chats": (lambda n: import_summary({"n_known": n}), "One was here already.", "1,200 were here already."),
}


@pytest.fixture(autouse=True)
def english(qapp) -> None:
    set_language("en")


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_counts_has_a_singular(name: str) -> None:
    text, one, many = TEXTS[name]
    assert (text(1), text(1200)) == (one, many)


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [
        (1, 0, "1 chat so far"),
        (1200, 0, "1,200 chats so far"),
        (0, 1, "0 of 1 chat"),
        (1, 1200, "1 of 1,200 chats"),
    ],
)
def test_the_progress_of_an_export_has_a_singular(qtbot: QtBot, done: int, total: int, expected: str) -> None:
    dialog = ExchangeProgress()
    qtbot.addWidget(dialog)
    dialog.show_progress(done, total)
    assert dialog._text.text() == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, "1 token · the last character is left out"),
        (1200, "1,200 tokens · the last 1,200 characters are left out"),
    ],
)
def test_an_attached_file_has_a_singular(qtbot: QtBot, number: int, expected: str) -> None:
    chip = AttachmentChip(StoredAttachment("notes.txt", 9000, "text", number))
    qtbot.addWidget(chip)
    chip.set_tokens(number)
    assert chip.text().endswith(expected)


@pytest.mark.parametrize("kind", ["attach_too_many", "dropped_one_by_one"])
def test_what_was_left_out_is_said_alike_of_one_and_of_many(kind: str) -> None:
    one, many = (notice_text(Notice(kind, "warn", {"number": n, "most": 5})).text for n in (1, 2))
    assert "Left out: 1." in one
    assert one.replace("1", "2") == many
