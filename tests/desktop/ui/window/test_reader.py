"""Reader mode shows the conversation alone, and one key leads back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from desktop.i18n import set_language
from desktop.ui.style.theme import themes
from desktop.ui.window.main_window import MainWindow

TEXTS = ("What is rain?", "Water that **falls** from clouds. " * 8)


@pytest.fixture
def reading(window, controller) -> MainWindow:
    """A window in reader mode, entered by its shortcut."""
    controller.make_ready()
    controller.conversations.open(controller.add("Rain", texts=TEXTS))
    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert window.is_reader
    return window


def press(window: MainWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.focusWidget() or window, key, modifiers)


def tools(window: MainWindow) -> list[QWidget]:
    header = window.header
    return [window.sidebar, window.composer, window.status, header.model_button, header.more_button]


def test_the_page_alone_is_shown_and_escape_leads_back(reading) -> None:
    assert not any(tool.isVisible() for tool in tools(reading))
    assert reading.transcript.isVisible() and reading.header.title_label.isVisible()
    assert reading.focusWidget() is reading.transcript
    press(reading, Qt.Key.Key_Escape)
    assert not reading.is_reader
    assert all(tool.isVisible() for tool in tools(reading))
    assert reading.focusWidget() is reading.composer.editor


def test_the_promise_of_being_offline_stays_in_sight(reading) -> None:
    assert reading.header.badge.isVisible()
    press(reading, Qt.Key.Key_Escape)
    assert reading.header.badge.isVisible() != reading.sidebar.badge.isVisible()


def test_nothing_but_the_text_is_in_a_message_until_somebody_is_near(reading, controller) -> None:
    answer = reading.transcript.message_widget(controller.paths[1][-1].id)
    assert answer.action_bar().isHidden()
    reading.transcript.focus_message(-1)
    assert answer.action_bar().isVisible()
    press(reading, Qt.Key.Key_Escape)
    assert answer.action_bar().isVisible()


def test_text_is_selected_and_copied_as_ever(reading, controller) -> None:
    text = reading.transcript.message_widget(controller.paths[1][-1].id).text
    text.setFocus()
    cursor = text.document().find("falls")
    text.setTextCursor(QTextCursor(cursor))
    press(reading, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "falls"
    press(reading, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert QGuiApplication.clipboard().text() == TEXTS[1]


@pytest.mark.parametrize(
    ("key", "shows"),
    [
        (Qt.Key.Key_K, lambda window: window.sidebar.search_field),
        (Qt.Key.Key_L, lambda window: window.composer.editor),
        (Qt.Key.Key_B, lambda window: window.composer.editor),
        (Qt.Key.Key_N, lambda window: window.composer.editor),
    ],
)
def test_what_needs_the_rest_of_the_window_leads_back(reading, key, shows) -> None:
    press(reading, key, Qt.KeyboardModifier.ControlModifier)
    assert not reading.is_reader
    assert reading.sidebar.isVisible()
    assert reading.focusWidget() is shows(reading)


def test_the_next_conversation_is_read_in_the_same_way(reading, controller) -> None:
    other = controller.add("Snow", texts=("q", "a"))
    controller.conversations.open(other)
    assert reading.is_reader
    assert [message.text for message in reading.transcript.messages()] == ["q", "a"]
    controller.conversations.delete(other)
    assert not reading.is_reader


def test_escape_leads_back_first_and_then_stops_the_answer(reading, controller) -> None:
    controller.begin_answer("It")
    press(reading, Qt.Key.Key_Escape)
    assert not reading.is_reader
    assert ("stop",) not in controller.calls
    press(reading, Qt.Key.Key_Escape)
    assert controller.calls[-1] == ("stop",)


def test_an_editor_takes_its_own_escape(reading, controller) -> None:
    question = reading.transcript.message_widget(controller.paths[1][0].id)
    question.edit()
    assert question.editor is not None
    QTest.keyClick(question.editor.field, Qt.Key.Key_Escape)
    assert question.editor is None
    assert reading.is_reader


def test_without_a_conversation_there_is_nothing_to_read(window, controller) -> None:
    assert not window.window_actions.by_id["reader"].isEnabled()
    controller.conversations.open(controller.add("Rain", texts=TEXTS))
    assert all(window.window_actions.by_id[name].isEnabled() for name in ("reader", "export", "print"))
    controller.conversations.new_chat()
    assert not any(window.window_actions.by_id[name].isEnabled() for name in ("reader", "export", "print"))


def test_a_window_that_becomes_narrow_or_wide_stays_a_page(make, controller) -> None:
    window = make(width=1000, height=600)
    controller.conversations.open(controller.add("Rain", texts=TEXTS))
    window.window_actions.by_id["reader"].trigger()
    window.resize(600, 600)
    window.resize(1000, 600)
    assert window.sidebar.isHidden()
    window.header.reader_button.click()
    assert not window.sidebar.isHidden()


@pytest.mark.parametrize("theme_name", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_page_fits_a_small_window_at_200_percent(make, controller, theme_name, language) -> None:
    themes().set_mode(theme_name)
    themes().set_zoom(2.0)
    set_language(language)
    window = make(width=800, height=720)  # 400 × 360 at 100 %
    controller.conversations.open(controller.add("A title that is quite long. " * 4, texts=TEXTS))
    window.window_actions.by_id["reader"].trigger()
    QApplication.processEvents()
    assert window.width() == 800
    header = window.header
    assert header.rect().contains(header.reader_button.geometry())
    assert header.reader_button.accessibleName()
    assert window.transcript.height() > window.height() * 0.8
