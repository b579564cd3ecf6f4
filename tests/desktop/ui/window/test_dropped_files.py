"""Files dropped on the window."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

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
    qtbot.waitUntil(lambda: controller.calls == [("load_model", str(tmp_path / "模型.gguf"))])


def test_two_models_or_an_address_are_not(window, controller):
    assert not drop(window, QUrl("https://example.org/model.gguf"))
    assert not drop(window, QUrl.fromLocalFile("/a.gguf"), QUrl.fromLocalFile("/b.gguf"))
    assert controller.calls == []
