"""Ctrl+F finds in the open conversation, in reader mode, too."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.i18n import set_language
from desktop.ui.style.theme import themes
from desktop.ui.transcript.find_bar import FindBar
from desktop.ui.window.main_window import MainWindow

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def find(window, controller):
    """Opens the bar by its key."""
    controller.conversations.open(controller.add("Rain", texts=("rain?", "Rain, and rain again.", "no", "rain")))

    def press() -> FindBar:
        QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_F, CTRL)
        (bar,) = window.findChildren(FindBar)
        assert bar.isVisible() and bar.field.hasFocus()
        return bar

    return press


def marked(window: MainWindow) -> list[int]:
    """How many occurrences are marked in each message."""
    return [len(row.widget.text.extraSelections()) for row in window.transcript._rows.rows]


def test_what_is_typed_is_found_and_enter_goes_on(find, window) -> None:
    bar = find()
    QTest.keyClicks(bar.field, "rain")
    assert bar.result.text() == "Message 1 of 3"
    assert marked(window) == [1, 0, 0, 0]
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert (bar.result.text(), marked(window)) == ("Message 2 of 3", [0, 2, 0, 0])
    bar.next_button.click()
    bar.next_button.click()
    assert bar.result.text() == "Message 3 of 3"
    QTest.keyClick(bar.field, Qt.Key.Key_Return, SHIFT)
    assert bar.result.text() == "Message 2 of 3"


def test_escape_removes_bar_and_marks_and_the_text_is_there_the_next_time(find, window) -> None:
    bar = find()
    QTest.keyClicks(bar.field, "rain")
    QTest.keyClick(bar.field, Qt.Key.Key_Escape)
    assert bar.isHidden() and not any(marked(window))
    assert window.composer.editor.hasFocus()
    assert find() is bar
    assert bar.field.selectedText() == "rain"
    assert any(marked(window))


def test_what_is_not_there_is_said(find, window) -> None:
    bar = find()
    QTest.keyClicks(bar.field, "snow")
    assert bar.result.text() == "Not found"
    assert not bar.next_button.isEnabled()
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    bar.field.clear()
    assert bar.result.text() == ""


def test_it_finds_in_reader_mode_and_escape_closes_the_bar_first(find, window) -> None:
    window.window_actions.by_id["reader"].trigger()
    bar = find()
    QTest.keyClicks(bar.field, "rain")
    assert window.is_reader and any(marked(window))
    QTest.keyClick(bar.field, Qt.Key.Key_Escape)
    assert bar.isHidden() and window.is_reader
    assert window.transcript.hasFocus()
    QTest.keyClick(window.transcript, Qt.Key.Key_Escape)
    assert not window.is_reader


def test_another_conversation_closes_it(find, window, controller) -> None:
    bar = find()
    controller.conversations.open(controller.add("Snow", texts=("snow",)))
    assert bar.isHidden()
    controller.conversations.new_chat()
    assert not window.window_actions.by_id["find"].isEnabled()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_bar_fits_a_small_window_at_200_percent_and_every_part_has_a_name(find, window, language) -> None:
    set_language(language)
    themes().set_zoom(2.0)
    window.resize(800, 720)
    bar = find()
    QTest.keyClicks(bar.field, "rain")
    QTest.qWait(20)
    assert window.width() == 800
    for part in (bar.field, bar.previous_button, bar.next_button, bar.close_button):
        assert bar.rect().contains(part.geometry())
        assert part.accessibleName()
    assert bar.field.width() > 100
