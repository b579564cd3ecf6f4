"""The window of a desktop whose language runs from right to left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from desktop.ui.style.theme import themes
from desktop.ui.transcript import TranscriptView
from tests.support.controls import controls, described


@pytest.fixture
def mirrored(qapp) -> Iterator[None]:
    """Everything runs from right to left, as in an Arabic or Hebrew desktop."""
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


LONG = "x = " + "1 + " * 90 + "1"


MIXED = (
    f"Left to right.\n\nالمطر ماء يسقط.\n\n```py\n{LONG}\n```\n\n- a list\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> `q`"
)


def picture_of_text(controller, qtbot) -> QImage:
    """What a transcript that is made now shows of `MIXED`."""
    view = TranscriptView()
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show()
    answer = controller.message(1, "assistant", MIXED)
    view.set_path([answer])
    text = view.message_widget(answer.id).text
    qtbot.waitUntil(lambda: not text.coloring.busy)
    for button in text.code_buttons():
        button.hide()  # their icon and words are mirrored
    QTest.qWait(30)
    return text.grab().toImage()


def test_text_runs_as_its_own_letters_say_in_a_mirrored_window_too(controller, qapp, qtbot):
    usual = picture_of_text(controller, qtbot)
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        assert picture_of_text(controller, qtbot) == usual
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.mark.parametrize("size", [(720, 400), (1100, 700)])
def test_in_a_mirrored_window_nothing_is_beside_it(mirrored, window, controller, size):
    window.resize(*size)
    conversation = controller.add("mixed", texts=("أين؟", MIXED))
    controller.conversations.open(conversation)
    QTest.qWait(50)
    for control in controls(window):
        if control.isVisible() and not window.transcript.isAncestorOf(control):
            place = control.mapTo(window, QPoint())
            inside = window.rect().adjusted(-1, 0, 1, 0)  # Qt mirrors a splitter with one pixel too much
            assert inside.contains(control.rect().translated(place)), described(control)
    text = window.transcript.message_widget(controller.paths[conversation][-1].id).text
    for part in (text, *text.code_buttons()):
        left = part.mapTo(window.transcript.viewport(), QPoint()).x()
        assert 0 <= left < left + part.width() <= window.transcript.viewport().width(), described(part)


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_marks_are_painted_where_reading_begins(window, direction):
    window.setLayoutDirection(direction)
    QTest.qWait(20)
    marks = ((window.sidebar.badge, "good"), (window.banners.banner("engine"), "bad"))
    for widget, color in marks:
        image, wanted = widget.grab().toImage(), themes().current.color(color).name()
        columns = [
            x for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y).name() == wanted
        ]
        mark = columns[0] if direction == Qt.LayoutDirection.LeftToRight else columns[-1]
        assert (mark < image.width() / 2) == (direction == Qt.LayoutDirection.LeftToRight), widget
