"""Conversations go out of the window and come back in, through its menu, its dialogs and what is dropped on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QWidget

from desktop.i18n import set_language
from desktop.store import ConversationTree, TreeMessage
from desktop.ui.dialogs.exchange import ExchangeProgress, ImportOffer
from tests.desktop.exchange import samples
from tests.support.person import Person


@pytest.fixture
def reader(sits_down: Callable[..., Person]) -> Person:
    """Somebody with two conversations, the newer one open."""
    person = sits_down()
    for number, title in enumerate(("Rain 雨", "Snow")):
        messages = (
            TreeMessage(None, "user", f"What is {title}?", created_at=1e9, active_child=1),
            TreeMessage(0, "assistant", "**Water**, `frozen`.", created_at=1e9, thinking="Hm."),
        )
        person.store.add_tree(ConversationTree(messages, title, created_at=1e9 + number, updated_at=1e9, active_leaf=1))
    person.controller.conversations_changed.emit()
    person.open_chat("Rain")
    return person


def choose(person: Person, entry: str) -> None:
    """Choose a line of the menu at the right of the header."""
    menu = person.window.header.more_menu
    menu.aboutToShow.emit()
    next(action for action in menu.actions() if action.text().split("\t")[0] == entry).trigger()


def dialog_of(person: Person, kind: type[QDialog]) -> QWidget:
    def shown() -> list[QWidget]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]

    person.qtbot.waitUntil(lambda: bool(shown()), timeout=10_000)
    return shown()[0]


def say_where(person: Person, *paths: Path, kind: str = "") -> None:
    dialog = dialog_of(person, QFileDialog)
    assert isinstance(dialog, QFileDialog)
    if kind:
        dialog.selectNameFilter(next(words for words in dialog.nameFilters() if kind in words))
        dialog.filterSelected.emit(dialog.selectedNameFilter())
    dialog.setDirectory(str(paths[0].parent))
    dialog.selectFile(paths[0].name if len(paths) == 1 else " ".join(f'"{path.name}"' for path in paths))
    with person.qtbot.waitSignal(person.controller.notice, timeout=20_000):
        dialog.accept()


def text_of(person: Person) -> str:
    banner = person.window.banners.banner("exchange")
    assert banner is not None
    return banner.spoken()


@pytest.mark.parametrize("ending", [".md", ".html", ".pdf", ".json"])
def test_the_open_chat_is_exported(reader: Person, tmp_path: Path, ending: str) -> None:
    choose(reader, "Export this chat…")
    say_where(reader, tmp_path / f"Rain{ending}", kind=f"*{ending}")
    assert text_of(reader) == f"Exported. “Rain{ending}” is written."
    data = (tmp_path / f"Rain{ending}").read_bytes()
    if ending == ".pdf":
        assert data.startswith(b"%PDF-")
        assert data.rstrip().endswith(b"%%EOF")
    else:
        assert "What is Rain 雨?" in data.decode()
        assert "Snow" not in data.decode()


def test_a_chat_is_named_after_its_title(reader: Person) -> None:
    choose(reader, "Export this chat…")
    dialog = dialog_of(reader, QFileDialog)
    assert isinstance(dialog, QFileDialog)
    assert [Path(path).name for path in dialog.selectedFiles()] == ["Rain 雨.md"]
    dialog.filterSelected.emit(dialog.nameFilters()[1])
    assert [Path(path).name for path in dialog.selectedFiles()] == ["Rain 雨.html"]
    dialog.close()


def test_all_chats_go_out_are_deleted_and_come_back(reader: Person, tmp_path: Path) -> None:
    before = [reader.store.tree(row.id) for row in reader.controller.conversations.summaries()]
    choose(reader, "Export all chats…")
    say_where(reader, tmp_path / "all.json", kind="*.json")
    for row in reader.controller.conversations.summaries():
        reader.controller.conversations.delete(row.id)
    choose(reader, "Import chats…")
    say_where(reader, tmp_path / "all.json")
    assert text_of(reader) == "Import of chats. 2 chats came in."
    assert [reader.store.tree(row.id) for row in reader.controller.conversations.summaries()] == before[::-1]
    assert reader.window.sidebar.model.rowCount() > 0
    reader.window.banners.banner("exchange").buttons["open_imported"].click()
    assert reader.shown[1] == ("assistant", "**Water**, `frozen`.")
    choose(reader, "Import chats…")
    say_where(reader, tmp_path / "all.json")
    assert text_of(reader) == "Import of chats. 2 were here already."


def test_a_dropped_export_is_offered_and_says_what_it_left_out(reader: Person, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([samples.chatgpt_conversation()]))
    reader.drop(path)
    offer = dialog_of(reader, ImportOffer)
    assert isinstance(offer, ImportOffer)
    with reader.qtbot.waitSignal(reader.controller.notice, timeout=20_000):
        offer.yes.click()
    said = "One chat came in. Left out: images (1), attached files (1), calls of tools (2)."
    assert text_of(reader) == f"Import of chats. {said}"
    set_language("zh_CN")
    assert text_of(reader) == "导入对话。导入了 1 个对话。没有带过来：图片（1）、附件（1）、工具调用（2）。"


def test_what_is_not_an_export_is_said_and_nothing_changes(reader: Person, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    reader.drop(path)
    offer = dialog_of(reader, ImportOffer)
    assert isinstance(offer, ImportOffer)
    with reader.qtbot.waitSignal(reader.controller.notice, timeout=20_000):
        offer.yes.click()
    assert "“config.json” holds no chats that can be read here" in text_of(reader)
    assert len(reader.controller.conversations.summaries()) == 2


def test_an_export_that_cannot_be_written_is_said(reader: Person, tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    with reader.qtbot.waitSignal(reader.controller.notice, timeout=20_000):
        reader.window.window_actions.exchange._export(1, tmp_path / "folder.md")
    assert "“folder.md” cannot be written there" in text_of(reader)


def test_long_work_shows_how_far_it_is_and_can_be_stopped(reader: Person, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    many = [samples.chatgpt_conversation() | {"create_time": 1e9 + number} for number in range(3000)]
    path.write_text(json.dumps(many))
    reader.window.window_actions.exchange._show_timer.setInterval(0)
    reader.drop(path)
    offer = dialog_of(reader, ImportOffer)
    assert isinstance(offer, ImportOffer)
    offer.yes.click()
    progress = dialog_of(reader, ExchangeProgress)
    assert isinstance(progress, ExchangeProgress)
    reader.qtbot.waitUntil(lambda: "so far" in progress._text.text() and not progress._text.text().startswith("0"))
    with reader.qtbot.waitSignal(reader.controller.notice, timeout=20_000):
        progress.stop.click()
    assert "You stopped it" in text_of(reader)
    assert 2 < len(reader.controller.conversations.summaries(limit=5000)) < 3000


def test_printing_hands_the_chat_to_the_printer(reader: Person, tmp_path: Path) -> None:
    from PySide6.QtPrintSupport import QPrinter

    exchange = reader.window.window_actions.exchange
    exchange._printer = QPrinter()
    exchange._printer.setOutputFormat(QPrinter.OutputFormat.PdfFormat)
    exchange._printer.setOutputFileName(str(tmp_path / "printed.pdf"))
    from desktop.ui.window.exchange_dialogs import export_words

    with reader.qtbot.waitSignal(reader.controller.exchange.page_made, timeout=20_000):
        exchange._exchange.make_page(export_words(), 1)
    reader.qtbot.waitUntil(lambda: exchange._printer is None)
    assert (tmp_path / "printed.pdf").read_bytes().startswith(b"%PDF-")
