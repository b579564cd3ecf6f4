"""The small window fits every screen, is reached by the keyboard, and has names for those who do not see it."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.i18n import set_language
from desktop.ui.screen import available_size
from desktop.ui.style.theme import themes
from desktop.ui.system.quick_ask import QuickAsk


class Asked(QObject):
    """Is asked, and answers nothing by itself."""

    answer_changed = Signal(object)
    text = Signal(str)
    state_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[str] = []
        self.is_answering = False
        self.waiting, self.notice, self.conversation_id = "", None, None

    def ask(self, text: str) -> bool:
        self.questions.append(text)
        return bool(text.strip())

    def stop(self) -> None:
        self.is_answering = False


@pytest.fixture
def window(qtbot: QtBot) -> QuickAsk:
    chat: Any = Asked()
    window = QuickAsk(chat, QIcon())
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.bring_to_front()
    return window


def test_a_refused_question_stays_in_the_line(window: QuickAsk) -> None:
    QTest.keyClicks(window.field, "   ")
    QTest.keyClick(window.field, Qt.Key.Key_Return)
    assert window.field.text() == "   " and window.answer.isHidden()


def test_the_answer_grows_as_markdown_and_is_copied_as_it_was_written(qtbot: QtBot, window: QuickAsk) -> None:
    window.field.insert("春雨?")
    QTest.keyClick(window.field, Qt.Key.Key_Return)
    assert window.field.text() == "" and window.question.text() == "春雨?" and window.answer.isVisible()
    for piece in ("**春", "雨**", "\n\n- one\n- two"):
        window.chat.text.emit(piece)
    qtbot.waitUntil(lambda: window.answer.source.endswith("two"))
    assert "春雨" in window.answer.text.toPlainText() and "*" not in window.answer.text.toPlainText()
    window.answer.copy()
    assert QApplication.clipboard().text() == "**春雨**\n\n- one\n- two"


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_it_fits_and_tab_reaches_all_of_it(window: QuickAsk, language: Any, zoom: float) -> None:
    set_language(language)
    themes().apply("dark", zoom)
    QTest.keyClicks(window.field, "question " * 30)
    QTest.keyClick(window.field, Qt.Key.Key_Return)
    window.answer.set_text("word " * 2000, growing=False)
    size, limit = window.size(), available_size(window)
    assert size.width() <= limit.width() and size.height() <= limit.height()
    assert window.answer.text.width() <= window.answer.viewport().width()
    assert window.accessibleName() and window.field.accessibleName() and window.answer.text.accessibleName()
    window.field.setFocus()
    reached = set()
    for _ in range(8):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    assert {window.field, window.continue_button} <= reached
