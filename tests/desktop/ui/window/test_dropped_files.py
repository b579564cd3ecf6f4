"""Files dropped on the window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.i18n import set_language
from desktop.store.records import StoredAttachment
from desktop.ui.style.theme import themes
from desktop.ui.window.attachments import AttachmentChip
from desktop.ui.window.main_window import MainWindow


def drop(window: MainWindow, *urls: QUrl) -> bool:
    data = QMimeData()
    data.setUrls(list(urls))
    nothing = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    enter = QDragEnterEvent(QPoint(500, 300), *nothing)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPoint(500, 300), *nothing))
    return enter.isAccepted()


def test_a_file_dropped_on_the_window_is_opened(window, controller, qtbot, tmp_path):
    assert drop(window, QUrl.fromLocalFile(str(tmp_path / "模型.gguf")))
    qtbot.waitUntil(lambda: controller.calls == [("choose_model", str(tmp_path / "模型.gguf"))])


def test_two_models_or_an_address_are_not(window, controller):
    assert not drop(window, QUrl("https://example.org/model.gguf"))
    assert not drop(window, QUrl.fromLocalFile("/a.gguf"), QUrl.fromLocalFile("/b.gguf"))
    assert controller.calls == []


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("name", ["notes.md", "a-name-that-is-long-" * 12 + ".txt", "很长的文件名" * 40 + ".docx"])
def test_the_line_of_a_file_makes_a_small_window_no_wider(make, controller, language, name):
    set_language(language)
    themes().set_zoom(2.0)
    conversation = controller.add("first", texts=("q", "a"))
    controller.attached[conversation] = (StoredAttachment(name, 120_000, "text", 12_345),)
    window = make(width=800, height=720)
    without = window.composer.width()
    controller.conversations.open(conversation)
    QTest.qWait(30)
    (chip,) = window.findChildren(AttachmentChip)
    assert chip.isVisible()
    assert (window.width(), window.composer.width()) == (800, without)
    assert chip.rect().contains(chip.remove_button.geometry())
    assert "12,345" in chip.accessibleName()
