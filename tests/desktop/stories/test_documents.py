"""Asking a folder of documents: with the real index, reader, store and model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QTextBlock, QTextDocument, QTextFragment
from pytestqt.qtbot import QtBot

from desktop.documents.cited import KEY, CitedPassage, stored_sources
from desktop.ui.documents.folder_dialog import FolderDialog
from desktop.ui.documents.passage_dialog import PassageDialog
from tests.support.documents import write_pdf
from tests.support.person import Person

PAGES = ["The museum opens at nine.", "Tickets cost five euros.", "The director is Ada Brandt. 馆长是阿达。"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "museum"
    folder.mkdir()
    write_pdf(folder / "guide.pdf", PAGES)
    (folder / "notes.md").write_text("# Garden\n\nRoses grow behind the house. 房子后面种着玫瑰。\n", encoding="utf-8")
    return folder


def choose(person: Person, folder: Path) -> None:
    """Choose the folder, and wait until it has been read."""
    person.controller.documents.choose(str(folder))
    person.wait(lambda: person.controller.documents.state.finished)


def ask(person: Person, question: str) -> None:
    """Ask, and stop the answer at its first words: the starter model may not end. Key presses know no Chinese."""
    person.window.composer.set_text(question)
    person.ask("")
    person.wait_words()
    person.stop()


def sources(person: Person) -> list[CitedPassage]:
    """What the last answer was made from, as the store has it."""
    stored = stored_sources(person.path[-1].stats)
    assert stored is not None
    return stored[1]


@pytest.mark.parametrize("question", ["What does page 3 say?", "第三页讲了什么？"])
def test_a_question_about_page_3_is_answered_from_it_and_its_place_is_kept(
    person: Person, folder: Path, question: str
) -> None:
    choose(person, folder)
    ask(person, question)
    assert person.path[0].text == question
    assert [(s.number, s.path, s.page) for s in sources(person)][:1] == [(1, "guide.pdf", 3)]
    assert sources(person)[0].text == PAGES[2]


def test_a_question_that_nothing_answers_has_no_sources_and_the_model_is_told(person: Person, folder: Path) -> None:
    choose(person, folder)
    ask(person, "Who won the football championship?")
    assert stored_sources(person.path[-1].stats) == (str(folder), [])


def test_the_folder_stays_with_its_conversation(person: Person, folder: Path) -> None:
    choose(person, folder)
    ask(person, "When does the museum open?")
    first = person.controller.conversation
    assert first is not None
    person.new_chat()
    assert person.controller.documents.folder == ""
    person.controller.conversations.open(first.id)
    assert person.controller.documents.folder == str(folder)
    person.controller.documents.choose("")
    ask(person, "Thank you.")
    assert stored_sources(person.path[-1].stats) is None
    assert sources_of(person, 1)[0].text == PAGES[0]


def sources_of(person: Person, index: int) -> list[CitedPassage]:
    stored = stored_sources(person.path[index].stats)
    assert stored is not None
    return stored[1]


def test_the_passages_take_at_most_a_third_of_the_context(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\n".join(f"Lighthouse {n}: " + "word " * 180 for n in range(40)))
    person = Person(qtbot, {"model/n_ctx": 1024})
    person.wait_ready()
    choose(person, tmp_path)
    ask(person, "Which lighthouse?")
    assert person.path[-1].stats["prompt_tokens"] < 1024 // 3 + 60
    assert 1 <= len(sources(person)) <= 2
    person.leave()


def test_stop_works_while_passages_are_looked_for(person: Person, folder: Path) -> None:
    choose(person, folder)
    person.ask("When does the museum open?")
    person.stop()
    assert person.states[0] in [("user", "stopped"), ("user", "complete")]
    ask(person, "When does the museum open?")
    assert sources(person)


def test_an_answer_that_is_continued_keeps_its_sources(person: Person, folder: Path) -> None:
    choose(person, folder)
    person.ask("Tell a very long story about the roses in the garden.")
    person.wait_words()
    person.stop()
    before = sources(person)
    assert person.answer.status == "stopped" and before
    (folder / "notes.md").unlink()
    person.press(person.answer, "continue")
    person.wait_words()
    person.stop()
    assert sources(person) == before


def test_the_window_shows_the_folder_the_sources_and_the_passage_in_its_document(
    person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(person, folder)
    chip = person.window.documents_chip
    person.wait(lambda: chip.button.text() == "museum · 2 documents")
    ask(person, "What does page 2 say?")
    widget = person.widget(person.answer)
    assert widget._sources is not None
    person.wait(lambda: not widget._sources.isHidden())
    assert widget._sources.buttons[1].text() == "[1] guide.pdf · page 2"
    widget._sources.buttons[1].click()
    dialog = person.window.findChild(PassageDialog)
    assert dialog.field.toPlainText() == "\n\n".join(PAGES)
    assert dialog.heading.text().replace("\u200b", "") == "guide.pdf"
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    dialog.open_button.click()
    person.wait(lambda: opened == [QUrl.fromLocalFile(str(folder / "guide.pdf"))])
    (folder / "guide.pdf").unlink()
    dialog.open_button.click()
    person.wait(lambda: not dialog._problem.isHidden())
    dialog.accept()
    chip.remove_button.click()
    person.wait(chip.isHidden)
    assert person.controller.documents.folder == ""


def test_what_cannot_be_read_is_listed_with_its_reason(person: Person, folder: Path) -> None:
    write_pdf(folder / "scan.pdf", [""])
    (folder / "bad.docx").write_bytes(b"no document")
    choose(person, folder)
    assert "2 cannot be read" in person.window.documents_chip.button.text()
    person.window.documents_chip.button.click()
    dialog = person.window.findChild(FolderDialog)
    listed = dialog.problems.text().replace("\u200b", "")
    assert "bad.docx: Is not what its name says" in listed and "scan.pdf: Has no text" in listed
    dialog.remove_button.click()
    assert person.controller.documents.folder == ""


def test_citations_in_an_answer_open_their_passage_also_after_a_restart(qtbot: QtBot, folder: Path) -> None:
    person = Person(qtbot)
    sources = [CitedPassage(1, "guide.pdf", PAGES[0], page=1), CitedPassage(2, "notes.md", "Roses <b>grow</b>", line=3)]
    stats = {KEY: {"folder": str(folder), "sources": [source.fields for source in sources]}}
    question = person.store.add_question(None, "When?", title="When?")
    answer = person.store.start_answer(question.conversation_id, question.id, "", stats=stats)
    person.store.finish(answer.id, "At nine [1]. Roses [2], not [7], `x[1]`.", status="complete", stats=stats)
    person.leave()
    person = Person(qtbot)
    person.open_chat("When?")
    widget = person.widget(person.answer)
    document = widget.text.document()
    links = [
        f.charFormat().anchorHref() for b in blocks_of(document) for f in fragments_of(b) if f.charFormat().isAnchor()
    ]
    assert links == ["source:1", "source:2"]
    widget.text.anchorClicked.emit(QUrl("source:2"))
    dialog = person.window.findChild(PassageDialog)
    assert dialog.field.toPlainText() == "Roses <b>grow</b>"  # text, not markup
    dialog.accept()
    person.leave()


def blocks_of(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def fragments_of(block: QTextBlock) -> Iterator[QTextFragment]:
    at = block.begin()
    while not at.atEnd():
        yield at.fragment()
        at += 1
